// The MBR disk id of one card: four bytes that differ from every other card's, and are the same in every build.
import { createHash } from "node:crypto";

/**
 * The id that belongs to `name`, such as a cluster's identity with a node's name. Without it all cards made from one Ubuntu
 * image share the image's id, and their PARTUUIDs clash when two are in one machine. Never 0, which means "none".
 */
export const diskIdOf = (name: string): number => {
  const digest = createHash("sha256").update(`disk id of ${name}`).digest();
  return digest.readUInt32LE(0) || 1;
};
