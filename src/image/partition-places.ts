// Where partitions lie on a disk that somebody used for anything: read leniently, to say what would be overwritten.
import { gptHeaderOffset } from "./gpt.ts";
import type { Range } from "./range.ts";
import type { Source } from "./source.ts";

const SECTOR = 512;
const ENTRIES_AT = 446;
const ENTRY_SIZE = 16;
const MOST_PARTITIONS = 128;
/** Extended partitions, for CHS and LBA, and Linux's own. */
const EXTENDED = [0x05, 0x0f, 0x85];

type Place = Range & {
  /** As in the kernel's names; undefined for a disk without partitions. */
  readonly number: number | undefined;
};

const inside = (source: Source, place: Place): boolean =>
  place.offset > 0 &&
  place.length > 0 &&
  place.offset + place.length <= source.size;

const fromGpt = async (
  source: Source,
  headerOffset: number,
): Promise<readonly Place[]> => {
  const header = await source.read(headerOffset, 92);
  // The table is counted in the same sectors as the header's own place.
  const tableAt = Number(header.readBigUInt64LE(72)) * headerOffset;
  const count = Math.min(header.readUInt32LE(80), MOST_PARTITIONS);
  const entrySize = header.readUInt32LE(84);
  if (
    entrySize < 128 ||
    entrySize > 4096 ||
    tableAt + count * entrySize > source.size
  ) {
    return [];
  }
  const table = await source.read(tableAt, count * entrySize);
  return Array.from({ length: count }, (_, index) => {
    const entry = table.subarray(index * entrySize, (index + 1) * entrySize);
    const first = Number(entry.readBigUInt64LE(32)) * headerOffset;
    const last = Number(entry.readBigUInt64LE(40)) * headerOffset;
    const used = entry.subarray(0, 16).some((byte) => byte !== 0);
    return {
      number: index + 1,
      offset: used ? first : 0,
      length: last + headerOffset - first,
    };
  });
};

const entriesOf = (sector: Buffer) =>
  [0, 1, 2, 3].map((index) => {
    const at = ENTRIES_AT + index * ENTRY_SIZE;
    return {
      type: sector.readUInt8(at + 4),
      offset: sector.readUInt32LE(at + 8) * SECTOR,
      length: sector.readUInt32LE(at + 12) * SECTOR,
    };
  });

const isTable = (sector: Buffer): boolean =>
  sector.readUInt16LE(SECTOR - 2) === 0xaa55 &&
  // The boot sector of a file system ends with the same signature, and has code where a table has only these two.
  [0, 1, 2, 3].every((index) =>
    [0, 0x80].includes(sector.readUInt8(ENTRIES_AT + index * ENTRY_SIZE)),
  );

/** Logical partitions: a chain of sectors, each with one partition and the place of the next. */
const logicalIn = async (
  source: Source,
  extended: number,
): Promise<readonly Place[]> => {
  const found: Place[] = [];
  let at = extended;
  while (found.length < MOST_PARTITIONS && at + SECTOR <= source.size) {
    const sector = await source.read(at, SECTOR);
    const [partition, next] = entriesOf(sector);
    if (!isTable(sector) || partition === undefined) {
      break;
    }
    found.push({
      number: found.length + 5,
      offset: at + partition.offset,
      length: partition.length,
    });
    if (next === undefined || next.type === 0 || next.offset === 0) {
      break;
    }
    at = extended + next.offset;
  }
  return found;
};

/** Partitions that lie within the disk; a disk without a table is one place. */
export const partitionPlaces = async (
  source: Source,
): Promise<readonly Place[]> => {
  const whole: Place = { number: undefined, offset: 0, length: source.size };
  if (source.size < 4096) {
    return [];
  }
  const header = await gptHeaderOffset(source);
  if (header !== undefined) {
    return (await fromGpt(source, header)).filter((place) =>
      inside(source, place),
    );
  }
  const sector = await source.read(0, SECTOR);
  if (!isTable(sector)) {
    return [whole];
  }
  const places: Place[] = [];
  for (const [index, entry] of entriesOf(sector).entries()) {
    if (EXTENDED.includes(entry.type)) {
      places.push(...(await logicalIn(source, entry.offset)));
    } else if (entry.type !== 0) {
      places.push({ ...entry, number: index + 1 });
    }
  }
  return places.length === 0
    ? [whole]
    : places.filter((place) => inside(source, place));
};
