// The block map of a raw image: which ranges hold data, judged by file-system metadata and never by looking for zeros.
import { UserError } from "../report/user-error.ts";
import { markExt4Used } from "./ext4/ext4-used.ts";
import { markFatUsed } from "./fat/fat-used.ts";
import type { DiskTable, Partition } from "./table/table.ts";
import {
  hasType,
  PARTITION_TYPES,
  readPartitionTable,
} from "./table/partition-table.ts";
import { rangeEnd, type Range } from "./range.ts";
import type { Source } from "./source.ts";
import { usedMap, type UsedMap } from "./used-map.ts";

export type BlockMap = {
  /** Normalised, whole blocks of 4096 bytes; the last may end with the image. */
  readonly ranges: Range[];
  /** Sentences about what is kept whole, and why. */
  readonly notes: string[];
};

const markPartition = async (
  source: Source,
  partition: Partition,
  map: UsedMap,
): Promise<string | undefined> => {
  if (hasType(partition, PARTITION_TYPES.fat32)) {
    return markFatUsed(source, partition, map);
  }
  if (hasType(partition, PARTITION_TYPES.linux)) {
    return markExt4Used(source, partition, map);
  }
  if (hasType(partition, PARTITION_TYPES.bundle)) {
    map.mark(partition.offset, partition.length);
    return undefined;
  }
  const { type } = partition;
  const name = typeof type === "number" ? `0x${type.toString(16)}` : type;
  return `its type ${name} is not one that pi-image reads`;
};

/**
 * Everything from byte 0 to the first partition, and the gaps between partitions: boot code and such may live there.
 * What lies after the last partition is left out: nothing on a Raspberry Pi reads it, and an old backup GPT
 * that the image may still carry there must not reach the card.
 */
const markBetweenPartitions = (table: DiskTable, map: UsedMap): void => {
  let position = 0;
  for (const partition of table.partitions.toSorted(
    (a, b) => a.offset - b.offset,
  )) {
    map.mark(position, partition.offset - position);
    position = rangeEnd(partition);
  }
};

/** The map that keeps everything, for an image about which nothing is known. */
export const mapWhole = (size: number): BlockMap => ({
  ranges: size === 0 ? [] : [{ offset: 0, length: size }],
  notes: [],
});

const readTable = async (source: Source): Promise<DiskTable | UserError> => {
  try {
    return await readPartitionTable(source);
  } catch (error) {
    if (error instanceof UserError && error.code !== "IMAGE_DAMAGED") {
      return error;
    }
    throw error;
  }
};

/**
 * Finds the used ranges of a raw image by reading its metadata only. FAT32 and ext4 partitions are mapped; a
 * partition with another file system, an unclean one, or one whose metadata contradicts itself is kept whole,
 * and so is an image without an MBR partition table. Works on a patched source as on any other.
 */
export const mapUsed = async (source: Source): Promise<BlockMap> => {
  const table = await readTable(source);
  if (table instanceof UserError) {
    return {
      ...mapWhole(source.size),
      notes: [`the image is kept whole: ${table.message}`],
    };
  }
  const map = usedMap(source.size);
  const notes: string[] = [];
  markBetweenPartitions(table, map);
  for (const { offset, length } of table.places) {
    map.mark(offset, length); // such as the backup GPT, which comes after everything else
  }
  for (const partition of table.partitions) {
    const reason = await markPartition(source, partition, map);
    if (reason !== undefined) {
      map.mark(partition.offset, partition.length);
      notes.push(`partition ${partition.number} is kept whole: ${reason}`);
    }
  }
  return { ranges: map.ranges(), notes };
};
