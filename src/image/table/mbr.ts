// The MBR partition table: four primary partitions, the chain of logical ones, and what protects a GPT.
// https://github.com/torvalds/linux/blob/v6.8/block/partitions/msdos.c
import type { Range } from "../range.ts";

/** The table is in the first 512 bytes, whatever the sector size. */
export const MBR_SIZE = 512;

/** Where the four bytes of the disk id are, little-endian. */
export const DISK_ID_OFFSET = 440;

const ENTRIES_AT = 446;
const ENTRY_SIZE = 16;
/** Where the four entries are. */
export const MBR_ENTRIES = { offset: ENTRIES_AT, length: 4 * ENTRY_SIZE };
const GPT_PROTECTIVE = 0xee;
/** As many as the kernel names on one disk (DISK_MAX_PARTS), so that following a circular chain ends. */
const MOST_LOGICAL = 252;

/**
 * What the partition with a bundle is: the third, of the type for data without a file system, so that no desktop gives it a
 * letter or a folder. https://www.win.tue.nl/~aeb/partitions/partition_types-1.html
 */
export const BUNDLE_PARTITION = { number: 3, type: 0xda } as const;

/** Cylinders, heads and sectors of an entry that lies beyond what they can say; everybody reads the sectors. */
const BEYOND_CHS = Buffer.of(0xfe, 0xff, 0xff);

/** Types of extended partitions: with CHS, with LBA, and Linux's own. */
const EXTENDED = [0x05, 0x0f, 0x85];

/** An entry as stored: positions and lengths count in sectors of the disk. */
export type MbrEntry = {
  /** 1 to 4, the place in the table. */
  readonly number: number;
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
};

export const readMbrEntries = (sector: Buffer): readonly MbrEntry[] =>
  [0, 1, 2, 3].map((index) => {
    const at = ENTRIES_AT + index * ENTRY_SIZE;
    return {
      number: index + 1,
      type: sector.readUInt8(at + 4),
      start: sector.readUInt32LE(at + 8),
      sectors: sector.readUInt32LE(at + 12),
    };
  });

/** Puts an entry into the sector in memory; whether it is marked as active stays as it is. */
export const writeMbrEntry = (
  sector: Buffer,
  { number, type, start, sectors }: MbrEntry,
): void => {
  const at = ENTRIES_AT + (number - 1) * ENTRY_SIZE;
  const changed =
    sector.readUInt32LE(at + 8) !== start || sector.readUInt8(at + 4) !== type;
  if (changed) {
    BEYOND_CHS.copy(sector, at + 1);
    BEYOND_CHS.copy(sector, at + 5);
  }
  sector.writeUInt8(type, at + 4);
  sector.writeUInt32LE(start, at + 8);
  sector.writeUInt32LE(sectors, at + 12);
};

export const hasBootSignature = (sector: Buffer): boolean =>
  sector.length >= MBR_SIZE && sector.readUInt16LE(MBR_SIZE - 2) === 0xaa55;

/**
 * The signature is not enough: a file system's boot sector ends with it too, but has code where a table has "active" or
 * "not active".
 */
export const isMbrTable = (sector: Buffer): boolean =>
  hasBootSignature(sector) &&
  [0, 1, 2, 3].every((index) =>
    [0, 0x80].includes(sector.readUInt8(ENTRIES_AT + index * ENTRY_SIZE)),
  );

export const isExtended = ({ type }: MbrEntry): boolean =>
  EXTENDED.includes(type);

/** With such an entry, wherever it lies, the kernel treats the MBR only as the one that protects a GPT. */
export const isProtective = ({ type }: MbrEntry): boolean =>
  type === GPT_PROTECTIVE;

/**
 * Without this entry the kernel does not even look for a GPT.
 * https://github.com/torvalds/linux/blob/v6.8/block/partitions/efi.c (pmbr_part_valid)
 */
export const protectsGpt = (entry: MbrEntry): boolean =>
  isProtective(entry) && entry.start === 1;

export type Logical = {
  readonly partitions: readonly (MbrEntry & Range)[];
  /** Bytes at which the chain's own sectors start. */
  readonly links: readonly number[];
  /** Why the chain could not be followed to its end. */
  readonly broken: string | undefined;
};

/**
 * Follows the logical partitions: a chain of sectors, each with one partition, whose start counts from that sector, and the
 * place of the next sector, which counts from the extended partition. Numbers start with 5.
 * @param read gives undefined where there are no such bytes
 * @param size bytes of the image; undefined where only its beginning is known
 */
export const readLogical = async (
  read: (offset: number, length: number) => Promise<Buffer | undefined>,
  extended: MbrEntry,
  sectorSize: number,
  size: number | undefined,
): Promise<Logical> => {
  const partitions: (MbrEntry & Range)[] = [];
  const links: number[] = [];
  const end = (broken?: string): Logical => ({ partitions, links, broken });
  let at = extended.start;
  for (;;) {
    const offset = at * sectorSize;
    if (links.includes(offset) || links.length >= MOST_LOGICAL) {
      return end("the chain of its logical partitions runs in a circle");
    }
    const sector = await read(offset, MBR_SIZE);
    if (sector === undefined) {
      return size === undefined || offset + MBR_SIZE <= size
        ? end()
        : end(
            `the chain of its logical partitions goes on at byte ${offset}, outside of the image`,
          );
    }
    if (!isMbrTable(sector)) {
      // An extended partition that is still empty.
      return links.length === 0 && sector.every((byte) => byte === 0)
        ? end()
        : end(
            `the chain of its logical partitions breaks off at byte ${offset}`,
          );
    }
    links.push(offset);
    const entries = readMbrEntries(sector);
    for (const entry of entries) {
      if (entry.type !== 0 && entry.sectors !== 0 && !isExtended(entry)) {
        partitions.push({
          ...entry,
          number: partitions.length + 5,
          start: at + entry.start,
          offset: (at + entry.start) * sectorSize,
          length: entry.sectors * sectorSize,
        });
      }
    }
    const next = entries.find((entry) => isExtended(entry) && entry.start > 0);
    if (next === undefined) {
      return end();
    }
    at = extended.start + next.start;
  }
};
