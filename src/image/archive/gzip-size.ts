// How large the image in a .gz file is, where its end and its partition table agree on it.
import { open } from "node:fs/promises";
import { bytesAt } from "../../system/exact-io.ts";
import { readDiskTable } from "../table/disk-table.ts";
import { rangeEnd } from "../range.ts";
import { bufferSource } from "../source.ts";

/** The trailer gives the size modulo this (RFC 1952, ISIZE), and only that of the last member. */
const MODULUS = 2 ** 32;

/** Images end with their last partition, or at most this much later, with a backup GPT and the rest of a MiB. */
const MOST_BEHIND = 1024 * 1024;

const readTrailer = async (path: string): Promise<number | undefined> => {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const buffer = await bytesAt(file, Math.max(size - 8, 0), 8);
    // Where checksum and size are both 0, padding follows the last member; a size of 0 alone means 4 GiB, or 8.
    return buffer.length === 8 && buffer.some((byte) => byte !== 0)
      ? buffer.readUInt32LE(4)
      : undefined;
  } finally {
    await file.close();
  }
};

/** Where the last partition ends, or the backup GPT after it; `start` is the beginning of the image. */
const endOfPartitions = async (
  start: Uint8Array,
): Promise<number | undefined> => {
  const table = await readDiskTable(bufferSource(start), { size: undefined });
  if (table.kind === "none" || table.partitions.length === 0) {
    return undefined;
  }
  const backup = table.gpt?.primary?.otherLba;
  return Math.max(
    ...table.partitions.map(rangeEnd),
    backup === undefined ? 0 : (backup + 1) * table.sectorSize,
  );
};

/**
 * The size, or undefined where only decoding tells it. For a file of several members it can be wrong by a rare accident,
 * so the decoded bytes must be counted and compared with it.
 */
export const gzipSize = async (
  path: string,
  start: Uint8Array,
): Promise<number | undefined> => {
  const rest = await readTrailer(path);
  const end = await endOfPartitions(start);
  if (rest === undefined || end === undefined || !Number.isFinite(end)) {
    return undefined;
  }
  const wraps = Math.max(Math.ceil((end - rest) / MODULUS), 0);
  const size = rest + wraps * MODULUS;
  return size - end <= MOST_BEHIND && size % 512 === 0 ? size : undefined;
};
