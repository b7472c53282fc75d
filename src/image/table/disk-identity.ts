// The MBR disk id of one card: four bytes that differ from every other card's, and are the same in every build.
import { createHash } from "node:crypto";

/**
 * The id for what `name` stands for, such as a cluster's identity with a node's name. All cards made from one Ubuntu
 * image have the image's id, so that PARTUUIDs are not unique when two of them are in one machine. Never 0, which means "none".
 */
export const diskIdOf = (name: string): number => {
  const digest = createHash("sha256").update(`disk id of ${name}`).digest();
  return digest.readUInt32LE(0) || 1;
};
