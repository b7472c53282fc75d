// Makes room in an image for a partition of raw bytes, physically before the root partition, so that root can still grow to
// the end of any card. Root keeps its number.
import { open } from "node:fs/promises";
import { UserError } from "../report/user-error.ts";
import { readAt } from "../system/exact-io.ts";
import {
  intersectRange,
  normaliseRanges,
  type Range,
  rangeEnd,
} from "./range.ts";
import type { Chunk, ImageReader } from "./reader.ts";
import type { Source } from "./source.ts";
import {
  BUNDLE_PARTITION,
  MBR_SIZE,
  type MbrEntry,
  readMbrEntries,
  writeMbrEntry,
} from "./table/mbr.ts";
import { findRootPartition } from "./table/find-partitions.ts";
import {
  describePartition,
  readPartitionTable,
} from "./table/partition-table.ts";

/** Cards erase in units of this size, and partitioning tools align to it. */
const UNIT = 4 * 1024 * 1024;
const LAST_SECTOR = 2 ** 32;

export type Insertion = Range & {
  /** The file's own bytes; zeros follow up to `length`. */
  readonly bytes: number;
  /** The first sector of the image, with the new table. */
  readonly sector: Buffer;
};

const refused = (why: string, facts: readonly string[]): UserError =>
  new UserError(
    "BASE_CANNOT_CARRY",
    `a bundle cannot be put into the base image: ${why}`,
    {
      facts,
      state: "nothing was written",
      hint: "use Ubuntu's preinstalled server image, or remove `offline` and `bundle` from the cluster",
    },
  );

/**
 * Where `bytes` bytes go in this image. Throws BASE_CANNOT_CARRY for a GPT, for logical partitions and for a table whose third
 * entry is taken, and what `readPartitionTable` throws.
 */
export const planInsertion = async (
  base: Source,
  bytes: number,
): Promise<Insertion> => {
  const table = await readPartitionTable(base);
  const facts = table.partitions.map(describePartition);
  if (table.kind !== "mbr") {
    throw refused("its partition table is a GPT", facts);
  }
  if (table.containers.length > 0) {
    throw refused("it has logical partitions", facts);
  }
  const root = await findRootPartition(base, table);
  if (root === undefined) {
    throw refused("it has no ext4 partition", facts);
  }
  const sector = await base.read(0, MBR_SIZE);
  const entries = readMbrEntries(sector);
  if (entries[BUNDLE_PARTITION.number - 1]?.type !== 0) {
    throw refused(
      `it has a partition ${BUNDLE_PARTITION.number} already`,
      facts,
    );
  }
  const length = Math.ceil(bytes / UNIT) * UNIT;
  const toSectors = (count: number): number => count / table.sectorSize;
  const moved = (entry: MbrEntry): MbrEntry =>
    entry.type !== 0 && entry.start >= toSectors(root.offset)
      ? { ...entry, start: entry.start + toSectors(length) }
      : entry;
  for (const entry of entries.map(moved)) {
    if (entry.start + entry.sectors > LAST_SECTOR) {
      throw refused("it would reach beyond what an MBR can say", facts);
    }
    writeMbrEntry(sector, entry);
  }
  writeMbrEntry(sector, {
    ...BUNDLE_PARTITION,
    start: toSectors(root.offset),
    sectors: toSectors(length),
  });
  return { offset: root.offset, length, bytes, sector };
};

/** Ranges of the base as they lie in the image, and with them the room of the file. */
export const rangesAround = (
  ranges: readonly Range[],
  { offset: at, length: room }: Insertion,
): readonly Range[] =>
  normaliseRanges([
    { offset: at, length: room },
    ...ranges.flatMap(({ offset, length }) => {
      const before = Math.max(0, Math.min(length, at - offset));
      return [
        { offset, length: before },
        { offset: offset + before + room, length: length - before },
      ];
    }),
  ]);

/** The image with the file in it, for random access. Closing it closes both. */
export const insertedSource = (
  base: Source,
  insertion: Insertion,
  file: Source,
): Source => {
  const { offset: at, length: room, bytes, sector } = insertion;
  const end = at + room;
  const readRoom = async (offset: number, length: number): Promise<Buffer> => {
    const data = Buffer.alloc(length);
    const there = Math.max(0, Math.min(length, bytes - offset));
    if (there > 0) {
      (await file.read(offset, there)).copy(data);
    }
    return data;
  };
  return {
    size: base.size + room,
    read: async (offset, length) => {
      const wanted = { offset, length };
      const [before, inside, after] = [
        { offset: 0, length: at },
        { offset: at, length: room },
        { offset: end, length: base.size - at },
      ].map((part) => intersectRange(wanted, [part])[0]);
      const data = Buffer.concat([
        ...(before === undefined
          ? []
          : [await base.read(before.offset, before.length)]),
        ...(inside === undefined
          ? []
          : [await readRoom(inside.offset - at, inside.length)]),
        ...(after === undefined
          ? []
          : [await base.read(after.offset - room, after.length)]),
      ]);
      if (data.length < length) {
        throw new RangeError(
          `the image ends at byte ${base.size + room}, asked for ${offset + length}`,
        );
      }
      putSector(sector, offset, data);
      return data;
    },
    close: async () => {
      await base.close();
      await file.close();
    },
  };
};

const putSector = (sector: Buffer, offset: number, data: Uint8Array): void => {
  if (offset < sector.length) {
    data.set(
      sector.subarray(offset, Math.min(sector.length, offset + data.length)),
      0,
    );
  }
};

/** The same in order. The file is opened anew for each decode. */
async function* insertedChunks(
  reader: ImageReader,
  { offset: at, length: room, bytes, sector }: Insertion,
  path: string,
  ranges: readonly Range[] | undefined,
): AsyncGenerator<Chunk> {
  const inside = { offset: at, length: room };
  const wanted =
    ranges === undefined
      ? [inside]
      : ranges.flatMap((range) => intersectRange(range, [inside]));
  let owed = wanted.length > 0;
  const pieces = async function* (): AsyncGenerator<Chunk> {
    owed = false;
    const file = await open(path, "r");
    try {
      const buffer = Buffer.alloc(UNIT);
      for (const range of wanted) {
        for (let from = range.offset; from < rangeEnd(range); from += UNIT) {
          const data = buffer.subarray(
            0,
            Math.min(UNIT, rangeEnd(range) - from),
          );
          const there = Math.max(0, Math.min(data.length, bytes - (from - at)));
          const part = data.subarray(0, there);
          if ((await readAt(file, part, from - at)) < there) {
            throw new RangeError(`${path} became shorter while it was read`);
          }
          data.fill(0, there);
          yield { offset: from, data };
        }
      }
    } finally {
      await file.close();
    }
  };
  const inBase = ranges?.flatMap((range) => [
    ...intersectRange(range, [{ offset: 0, length: at }]),
    ...intersectRange(range, [
      { offset: rangeEnd(inside), length: Number.MAX_SAFE_INTEGER / 2 },
    ]).map(({ offset, length }) => ({ offset: offset - room, length })),
  ]);
  for await (const { offset, data } of reader.chunks(
    inBase === undefined ? undefined : normaliseRanges(inBase),
  )) {
    const before = Math.max(0, Math.min(data.length, at - offset));
    if (before > 0) {
      putSector(sector, offset, data);
      yield { offset, data: data.subarray(0, before) };
    }
    if (before < data.length) {
      if (owed) {
        yield* pieces();
      }
      yield { offset: offset + before + room, data: data.subarray(before) };
    }
  }
  if (owed) {
    yield* pieces();
  }
}

/** The image with the file in it, for whoever decodes it in order or at random. */
export const insertedReader = (
  reader: ImageReader,
  insertion: Insertion,
  path: string,
  source: Source | undefined,
): ImageReader => ({
  ...reader,
  size: reader.size === undefined ? undefined : reader.size + insertion.length,
  source,
  chunks: (ranges) => insertedChunks(reader, insertion, path, ranges),
});
