// The MBR disk id of a node's image: every card gets its own, or PARTUUIDs of two disks in one Pi collide.
import { createHash } from "node:crypto";

/** 32 bits, never 0 (which partitioning tools take for "none"); the same seed gives the same id. */
export const diskIdFor = (instanceId: string): number => {
  const digest = createHash("sha256").update(`disk-id ${instanceId}`).digest();
  const id = digest.readUInt32LE(0);
  return id === 0 ? 1 : id;
};
