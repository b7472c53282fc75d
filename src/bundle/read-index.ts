// Reads the index of a bundle where it lies: in a file of its own, or in the partition of an image that carries it.
import { createHash } from "node:crypto";
import type { Source } from "../image/source.ts";
import { hasType, PARTITION_TYPES } from "../image/table/partition-table.ts";
import type { DiskTable } from "../image/table/table.ts";
import { type BundleIndex, INDEX_NAME, parseIndex } from "./bundle-index.ts";
import { archiveWrong } from "./debian/archive-wrong.ts";

const HEADER = 512;
/** A thousand packages have a tenth of this. */
const INDEX_LIMIT = 1024 * 1024;

type ReadIndex = BundleIndex & {
  /** SHA-256 of the index: the bundle's identity. */
  readonly digest: string;
};

/**
 * What a bundle says of itself; nothing of it is believed. Throws ARCHIVE_WRONG.
 *
 * @param at the bundle's first byte
 * @param from for messages
 */
export const readIndex = async (
  source: Pick<Source, "read" | "size">,
  at: number,
  from: string,
): Promise<ReadIndex> => {
  const left = source.size - at;
  const header =
    left < HEADER ? Buffer.alloc(HEADER) : await source.read(at, HEADER);
  const text = header.toString("latin1");
  const bytes = Number.parseInt(text.slice(124, 136), 8);
  if (
    text.slice(0, 100).replace(/\0+$/, "") !== INDEX_NAME ||
    !(bytes > 0 && bytes <= INDEX_LIMIT && HEADER + bytes <= left)
  ) {
    throw archiveWrong(from, "is not a bundle");
  }
  const index = await source.read(at + HEADER, bytes);
  return {
    ...parseIndex(index.toString("utf8"), from),
    digest: createHash("sha256").update(index).digest("hex"),
  };
};

/** Of the image's own bundle; undefined where it carries none. Throws ARCHIVE_WRONG. */
export const readCarriedIndex = async (
  image: Pick<Source, "read" | "size">,
  table: DiskTable,
  from: string,
): Promise<ReadIndex | undefined> => {
  const partition = table.partitions.find((one) =>
    hasType(one, PARTITION_TYPES.bundle),
  );
  return partition === undefined
    ? undefined
    : readIndex(image, partition.offset, `the bundle in ${from}`);
};
