// Whether an F2FS was unmounted, from its checkpoints.
import { NOT_UNMOUNTED, type ReadPart, type Unclean } from "./unclean.ts";

/** Undefined unless the checkpoint's first and last block have the same version: one that was cut short does not count. */
const readCheckpoint = async (
  read: ReadPart,
  offset: number,
  blockSize: number,
) => {
  const head = await read(offset, blockSize);
  const blocks = head.readUInt32LE(136);
  const version = head.readBigUInt64LE(0);
  if (blocks < 2 || blocks > 512) {
    return undefined;
  }
  const foot = await read(offset + (blocks - 1) * blockSize, blockSize);
  return foot.readBigUInt64LE(0) === version
    ? { version, flags: head.readUInt32LE(132) }
    : undefined;
};

const CP_UMOUNT = 0x1;
const CP_ERROR = 0x8;

/**
 * The flags of the newer of the two checkpoints: `struct f2fs_super_block`, `struct f2fs_checkpoint`.
 * https://github.com/torvalds/linux/blob/v6.8/include/linux/f2fs_fs.h
 */
export const f2fs = async (
  start: Buffer,
  read: ReadPart,
): Promise<Unclean | undefined> => {
  if (start.length < 2048 || start.readUInt32LE(1024) !== 0xf2f5_2010) {
    return undefined;
  }
  const blockSize = 2 ** start.readUInt32LE(1024 + 16);
  const perSegment = 2 ** start.readUInt32LE(1024 + 20);
  const first = start.readUInt32LE(1024 + 76) * blockSize;
  if (blockSize < 4096 || blockSize > 65_536 || perSegment > 65_536) {
    return undefined;
  }
  const one = await readCheckpoint(read, first, blockSize);
  const other = await readCheckpoint(
    read,
    first + perSegment * blockSize,
    blockSize,
  );
  const newest =
    one === undefined || (other !== undefined && other.version > one.version)
      ? other
      : one;
  if (newest === undefined) {
    return { name: "F2FS", reason: "has no checkpoint that is whole" };
  }
  if ((newest.flags & CP_ERROR) !== 0) {
    return { name: "F2FS", reason: "is marked as having errors" };
  }
  return (newest.flags & CP_UMOUNT) === 0
    ? { name: "F2FS", reason: NOT_UNMOUNTED }
    : undefined;
};
