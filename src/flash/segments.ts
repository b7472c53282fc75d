// Cuts an image into the pieces that are written, read back and, when one differs, written again.
import type { Patch } from "../image/patch.ts";
import {
  alignRanges,
  intersectRange,
  normaliseRanges,
  type Range,
  rangeEnd,
} from "../image/range.ts";

/** Large enough that cards reach their speed, small enough that a dozen in memory cost nothing. */
export const SEGMENT_BYTES = 1024 ** 2;

/** Withheld until everything else is proven, because partition table and boot code lie here. It is the first segment. */
export const HEAD_BYTES = 1024 ** 2;

/** A multiple of every block size that cards and direct I/O ask for. */
const ALIGNMENT = 4096;

/** A gap up to this size is written too, because a second request costs a card more time. */
const SMALL_GAP = 65_536;

/** The normalised ranges that a patch fills. */
export const patchRanges = (patch: Patch): readonly Range[] =>
  normaliseRanges(
    patch.map(({ offset, data }) => ({ offset, length: data.length })),
  );

export type Segment = {
  readonly index: number;
  readonly offset: number;
  /** Bytes of the image; only the last segment may be no whole number of blocks. */
  readonly length: number;
};

const bridgeGaps = (ranges: readonly Range[]): Range[] => {
  const bridged: Range[] = [];
  for (const range of ranges) {
    const last = bridged.at(-1);
    if (last !== undefined && range.offset - rangeEnd(last) <= SMALL_GAP) {
      bridged[bridged.length - 1] = {
        offset: last.offset,
        length: rangeEnd(range) - last.offset,
      };
    } else {
      bridged.push(range);
    }
  }
  return bridged;
};

/**
 * The ranges to write: those that hold data or that a patch fills, grown to whole blocks, small gaps filled, always with
 * the first MiB (boot code may lie in it outside every file system).
 * @param used what the base uses; undefined when nothing is known, then everything is written
 * @param imageSize bytes
 * @param patches those of all targets
 */
export const writeRanges = (
  used: readonly Range[] | undefined,
  imageSize: number,
  patches: readonly Patch[] = [],
): readonly Range[] =>
  used === undefined
    ? [{ offset: 0, length: imageSize }]
    : bridgeGaps(
        alignRanges(
          [
            { offset: 0, length: HEAD_BYTES },
            ...used,
            ...patches.flatMap(patchRanges),
          ],
          ALIGNMENT,
          imageSize,
        ),
      );

/**
 * The segments of these ascending ranges, in ascending order; none crosses a MiB of the image, and the first is the first
 * MiB.
 */
export const cutSegments = (ranges: readonly Range[]): readonly Segment[] => {
  const segments: Segment[] = [];
  for (const range of ranges) {
    for (let offset = range.offset; offset < rangeEnd(range);) {
      const border = (Math.floor(offset / SEGMENT_BYTES) + 1) * SEGMENT_BYTES;
      const length = Math.min(border, rangeEnd(range)) - offset;
      segments.push({ index: segments.length, offset, length });
      offset += length;
    }
  }
  return segments;
};

/** What must be decoded for these segments; normalised. */
export const decodedRanges = (segments: readonly Segment[]): Range[] =>
  normaliseRanges(segments.map(({ offset, length }) => ({ offset, length })));

/** Whether a normalised list of ranges has bytes of the segment. */
export const touches = (ranges: readonly Range[], segment: Segment): boolean =>
  intersectRange(segment, ranges).length > 0;
