// Collects which 4096-byte blocks of an image hold data: one bit a block, so memory is bounded by the image's size.
import type { Range } from "./range.ts";

export const MAP_BLOCK = 4096;

/** Hostile metadata can alternate used and free blocks; past this count, small gaps count as used. */
const MOST_RANGES = 65_536;

export type UsedMap = {
  /** Bytes of the image; whole blocks around them count as used. Beyond the image's end nothing is marked. */
  readonly mark: (offset: number, length: number) => void;
  /** Normalised, whole blocks; the last may end with the image. */
  readonly ranges: () => Range[];
};

/** Treats gaps of up to `gap` bytes as used. */
const closeGaps = (ranges: readonly Range[], gap: number): Range[] => {
  const closed: Range[] = [];
  for (const range of ranges) {
    const last = closed.at(-1);
    if (
      last !== undefined &&
      range.offset - (last.offset + last.length) <= gap
    ) {
      closed[closed.length - 1] = {
        offset: last.offset,
        length: range.offset + range.length - last.offset,
      };
    } else {
      closed.push(range);
    }
  }
  return closed;
};

export const usedMap = (size: number): UsedMap => {
  const blocks = Math.ceil(size / MAP_BLOCK);
  const bits = new Uint8Array(Math.ceil(blocks / 8));
  const isUsed = (block: number): boolean =>
    ((bits[block >>> 3] ?? 0) & (1 << (block & 7))) !== 0;

  const mark = (offset: number, length: number): void => {
    if (length <= 0) {
      return;
    }
    let block = Math.floor(Math.max(offset, 0) / MAP_BLOCK);
    const end = Math.min(Math.ceil((offset + length) / MAP_BLOCK), blocks);
    while (block < end) {
      if ((block & 7) === 0 && end - block >= 8) {
        const wholeBytes = (end - block) >>> 3;
        bits.fill(0xff, block >>> 3, (block >>> 3) + wholeBytes);
        block += wholeBytes * 8;
      } else {
        bits[block >>> 3] = (bits[block >>> 3] ?? 0) | (1 << (block & 7));
        block += 1;
      }
    }
  };

  const ranges = (): Range[] => {
    let found: Range[] = [];
    let gap = 0;
    let block = 0;
    while (block < blocks) {
      if ((block & 7) === 0 && bits[block >>> 3] === 0) {
        block += 8;
        continue;
      }
      if (!isUsed(block)) {
        block += 1;
        continue;
      }
      const first = block;
      while (block < blocks && isUsed(block)) {
        block += 1;
      }
      const offset = first * MAP_BLOCK;
      found.push({
        offset,
        length: Math.min(block * MAP_BLOCK, size) - offset,
      });
      // Done here and not at the end, because a terabyte has room for a hundred million ranges.
      while (found.length > MOST_RANGES) {
        gap = Math.max(MAP_BLOCK, gap * 2);
        found = closeGaps(found, gap);
      }
    }
    return closeGaps(found, gap);
  };

  return { mark, ranges };
};
