// What a file takes on its disk, which for one with holes is less than its size.
import type { Stats } from "node:fs";

/** stat(2) counts blocks of this many bytes, whatever the file system's own block size is. */
const STAT_BLOCK = 512;

/** In bytes. */
export const bytesOnDisk = ({ blocks }: Pick<Stats, "blocks">): number =>
  blocks * STAT_BLOCK;
