// Cuts an .xz file into runs of consecutive blocks, and wraps a run into a complete .xz stream for a decoder.
import { type Range, rangeEnd } from "../../range.ts";
import {
  type BlockRecord,
  type XzCheck,
  EDGE_SIZE,
  encodeIndex,
  isCheck,
  padded,
  streamFooter,
  streamHeader,
} from "./xz-format.ts";
import type { XzIndex } from "./xz-index.ts";

/** Blocks `first` up to, not including, `end`. */
export type Run = { readonly first: number; readonly end: number };

/** A part of a stream: bytes in memory, or a range of the archive. */
export type StreamPart = Buffer | Range;

export const blockStart = (index: XzIndex, block: number): number =>
  index.start[block] ?? index.size;

/** Decoded bytes of a run. */
export const runSize = (index: XzIndex, run: Run): number =>
  blockStart(index, run.end) - blockStart(index, run.first);

/** The block that holds this byte of the image; empty blocks hold none. */
export const blockAt = (index: XzIndex, offset: number): number => {
  let low = 0;
  let high = index.blocks - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (blockStart(index, middle + 1) <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
};

/** The bytes of the file that hold a run's blocks, with whatever lies between streams. */
export const storedRange = (index: XzIndex, run: Run): Range => {
  const last = run.end - 1;
  const offset = index.fileOffset[run.first] ?? 0;
  return {
    offset,
    length:
      (index.fileOffset[last] ?? 0) + padded(index.stored[last] ?? 0) - offset,
  };
};

/** A run is copied into memory, and blocks that decode to nothing may still take up to this much of the file each. */
const STORED_ROOM = 64 * 1024;

/**
 * Cuts `run` so that no part decodes to more than `limit` bytes or takes far more in the file, unless a single block does, and
 * so that no part mixes kinds of checks.
 */
export const cutRun = (index: XzIndex, run: Run, limit: number): Run[] => {
  const runs: Run[] = [];
  let first = run.first;
  let stored = 0;
  for (let block = run.first; block < run.end; block += 1) {
    const grown = runSize(index, { first, end: block + 1 });
    stored += index.stored[block] ?? 0;
    if (
      block > first &&
      (grown > limit ||
        stored > 2 * limit + STORED_ROOM ||
        index.check[block] !== index.check[first])
    ) {
      runs.push({ first, end: block });
      first = block;
      stored = index.stored[block] ?? 0;
    }
  }
  if (first < run.end) {
    runs.push({ first, end: run.end });
  }
  return runs;
};

/** The runs of blocks that hold these bytes of the image; without `ranges` all blocks. `ranges` are normalised. */
export const runsOf = (
  index: XzIndex,
  ranges: readonly Range[] | undefined,
  limit: number,
): Run[] => {
  if (ranges === undefined) {
    return cutRun(index, { first: 0, end: index.blocks }, limit);
  }
  const wanted: Run[] = [];
  for (const range of ranges) {
    const first = blockAt(index, range.offset);
    const end = blockAt(index, rangeEnd(range) - 1) + 1;
    const last = wanted.at(-1);
    if (last !== undefined && first <= last.end) {
      wanted[wanted.length - 1] = { first: last.first, end };
    } else {
      wanted.push({ first, end });
    }
  }
  return wanted.flatMap((run) => cutRun(index, run, limit));
};

/**
 * A run as one complete .xz stream: header, the blocks as they are in the file, an index of just these blocks, footer.
 * A decoder compares each block with its entry in that index and with the block's own check.
 */
export const wrapRun = (index: XzIndex, run: Run): StreamPart[] => {
  const check: XzCheck = checkOf(index, run.first);
  const parts: StreamPart[] = [streamHeader(check)];
  const records: BlockRecord[] = [];
  for (let block = run.first; block < run.end; block += 1) {
    const offset = index.fileOffset[block] ?? 0;
    const stored = index.stored[block] ?? 0;
    const decoded = blockStart(index, block + 1) - blockStart(index, block);
    records.push({ stored, decoded });
    const last = parts.at(-1);
    if (
      last !== undefined &&
      !Buffer.isBuffer(last) &&
      rangeEnd(last) === offset
    ) {
      parts[parts.length - 1] = {
        offset: last.offset,
        length: last.length + padded(stored),
      };
    } else {
      parts.push({ offset, length: padded(stored) });
    }
  }
  const ending = encodeIndex(records);
  parts.push(ending, streamFooter(check, ending.length));
  return parts;
};

const checkOf = (index: XzIndex, block: number): XzCheck => {
  const check = index.check[block] ?? 0;
  return isCheck(check) ? check : 0;
};

/** "block 3 of 828", counted from 1 as `xz --list -v` does; names the bytes of the image that it holds. */
export const blockName = (index: XzIndex, block: number): string => {
  const first = blockStart(index, block);
  const end = blockStart(index, block + 1);
  return `block ${block + 1} of ${index.blocks} (bytes ${first} to ${end} of the image)`;
};

/** Where in the file the block begins, for people with a hex viewer. */
export const blockPlace = (index: XzIndex, block: number): string =>
  `the block begins at byte ${index.fileOffset[block] ?? EDGE_SIZE} of the file`;
