// Names every file system on a disk, with what a person wants to know of it before it is overwritten.
import { extCounts, extName, extSuperblock } from "../ext4/ext-marks.ts";
import { type FileSystemFacts, factText } from "./file-system-facts.ts";
import { lookAtExfat } from "./look-exfat.ts";
import { lookAtFat } from "./look-fat.ts";
import type { Range } from "../range.ts";
import { nameBySignature, VOLUMES } from "../signatures.ts";
import type { Source } from "../source.ts";
import type { SectorSize } from "../table/table.ts";
import { readDiskTable } from "../table/disk-table.ts";

// Where partitions lie on a disk that may have been used for anything: read leniently, to say what would be overwritten.

type PartitionPlace = Range & {
  /** The kernel's number for it; undefined for a disk without partitions. */
  readonly number: number | undefined;
};

const inside = (source: Source, place: PartitionPlace): boolean =>
  place.offset > 0 &&
  place.length > 0 &&
  place.offset + place.length <= source.size;

/**
 * The partitions that lie within the disk; a disk without a table is one place. On a disk with 4096-byte sectors, a table
 * that was copied from a disk with 512-byte sectors is found too, because its files are all still there.
 */
const partitionPlaces = async (
  source: Source,
  sectorSize?: SectorSize,
): Promise<readonly PartitionPlace[]> => {
  if (source.size < 4096) {
    return [];
  }
  const whole: PartitionPlace = {
    number: undefined,
    offset: 0,
    length: source.size,
  };
  const tables = [
    await readDiskTable(source, { sectorSize }),
    ...(sectorSize === 4096 ? [await readDiskTable(source)] : []),
  ];
  const [table] = tables;
  if (table === undefined || table.kind === "none") {
    return [whole];
  }
  const places = tables
    .flatMap((found) => (found.kind === "none" ? [] : found.partitions))
    .filter((place) => inside(source, place));
  const distinct = places.filter(
    ({ offset }, index) =>
      index === places.findIndex((place) => place.offset === offset),
  );
  return table.partitions.length === 0 ? [whole] : distinct;
};

export type FoundFileSystem = FileSystemFacts & {
  /** The kernel's number for it; undefined on a disk without partitions. */
  readonly partition: number | undefined;
  /** Bytes of the partition. */
  readonly size: number;
};

/** The signatures below lie within this many bytes of a partition's start. */
const START = 128 * 1024;

/** Looks for an uberblock in the 1 KiB slots of ZFS's first label; its byte order is that of the machine that wrote it. */
const isZfs = (start: Buffer): boolean => {
  for (let at = START; at + 8 <= start.length; at += 1024) {
    const magic = start.readBigUInt64LE(at);
    if (magic === 0x00ba_b10cn || magic === 0x0cb1_ba00_0000_0000n) {
      return true;
    }
  }
  return false;
};

const lookAtExt = (start: Buffer): FileSystemFacts | undefined => {
  const sb = extSuperblock(start);
  if (sb === undefined) {
    return undefined;
  }
  const { blockSize, blocks, freeBlocks, inodes, freeInodes } = extCounts(sb);
  const written = sb.readUInt32LE(0x30) + sb.readUInt8(0x274) * 2 ** 32;
  return {
    name: extName(sb),
    label: factText(sb.toString("latin1", 0x78, 0x88)),
    used:
      blockSize === undefined ? undefined : (blocks - freeBlocks) * blockSize,
    newest: written === 0 ? undefined : new Date(written * 1000),
    // The first eleven inodes are the ten reserved ones, the root among them, and lost+found.
    empty: inodes - freeInodes <= 11,
  };
};

const known = (name: string): FileSystemFacts => ({
  name,
  label: undefined,
  used: undefined,
  newest: undefined,
  empty: false,
});

const DAMAGED = known("a damaged file system");

const lookAt = async (
  source: Source,
  place: Range,
): Promise<FileSystemFacts | undefined> => {
  if (place.length < 4096) {
    return undefined;
  }
  const start = await source.read(
    place.offset,
    Math.min(place.length, 2 * START),
  );
  const signature = (at: number, text: string): boolean =>
    start.toString("latin1", at, at + text.length) === text;
  if (signature(3, "EXFAT   ")) {
    return (await lookAtExfat(source, place)) ?? DAMAGED;
  }
  const name =
    nameBySignature(start, VOLUMES) ??
    (isZfs(start) ? "part of a ZFS pool" : undefined);
  if (name !== undefined) {
    return known(name);
  }
  if (signature(54, "FAT") || signature(82, "FAT32")) {
    return (await lookAtFat(source, place)) ?? DAMAGED;
  }
  return lookAtExt(start);
};

/** What lies outside of the disk is never read, whatever its own structures claim. */
const bounded = (source: Source): Source => ({
  ...source,
  read: async (offset, length) => {
    if (offset < 0 || length < 0 || offset + length > source.size) {
      throw new RangeError(`byte ${offset} is outside of the disk`);
    }
    return source.read(offset, length);
  },
});

const lookOrGuess = async (
  source: Source,
  place: Range,
): Promise<FileSystemFacts | undefined> => {
  try {
    return await lookAt(source, place);
  } catch (error) {
    if (error instanceof RangeError) {
      return DAMAGED;
    }
    throw error;
  }
};

/**
 * In the partitions' order; partitions without a known file system are left out.
 * @param sectorSize the disk's logical sectors; without it the table decides
 */
export const lookAtDisk = async (
  disk: Source,
  sectorSize?: SectorSize,
): Promise<readonly FoundFileSystem[]> => {
  const source = bounded(disk);
  const found: FoundFileSystem[] = [];
  for (const place of await partitionPlaces(source, sectorSize)) {
    const facts = await lookOrGuess(source, place);
    if (facts !== undefined) {
      found.push({ ...facts, partition: place.number, size: place.length });
    }
  }
  return found;
};
