// What is known of an image before it is written: its partition table, and the state of its file systems.
import { readDiskTable } from "../table/disk-table.ts";
import { forwardSource } from "../forward-source.ts";
import { lookUnclean } from "./look-unclean.ts";
import { rangeEnd } from "../range.ts";
import type { ImageReader } from "../reader.ts";
import type { TableFinding } from "../table/table.ts";
import type { Unclean } from "./unclean.ts";

export type LookedImage = {
  readonly table: TableFinding;
  readonly unclean: readonly (Unclean & { readonly partition: number })[];
};

/** Undefined for an image that ends before its partitions do: the check of the partition table reports that. */
const orUnknown = async <T>(look: Promise<T>): Promise<T | undefined> => {
  try {
    return await look;
  } catch (error) {
    if (error instanceof RangeError) {
      return undefined;
    }
    throw error;
  }
};

/**
 * Reads little: the table, and the start of each partition. An image that can only be decoded in one go is decoded
 * up to the start of its last partition. Throws what the decoder throws.
 * @param size bytes of the decoded image
 */
export const lookAtImage = async (
  reader: ImageReader,
  size: number,
  signal?: AbortSignal,
): Promise<LookedImage> => {
  const source = reader.source ?? forwardSource(reader, size, signal);
  try {
    const forwardOnly = reader.source === undefined;
    const table = await readDiskTable(source, { size, forwardOnly });
    const unclean: LookedImage["unclean"][number][] = [];
    const partitions = table.kind === "none" ? [] : table.partitions;
    for (const partition of partitions.toSorted(
      (a, b) => a.offset - b.offset,
    )) {
      if (partition.offset > 0 && rangeEnd(partition) > partition.offset) {
        const found = await orUnknown(lookUnclean(source, partition));
        if (found !== undefined) {
          unclean.push({ ...found, partition: partition.number });
        }
      }
    }
    return { table, unclean };
  } finally {
    if (source !== reader.source) {
      await source.close();
    }
  }
};
