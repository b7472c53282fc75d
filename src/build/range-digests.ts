// SHA-256 of each range of an image, computed as its bytes pass through in order.
import { createHash } from "node:crypto";
import { intersectRange, type Range, rangeEnd } from "../image/range.ts";

export type RangeDigester = {
  /** The next bytes of the image; offsets ascend without gaps inside a range. */
  readonly update: (offset: number, data: Uint8Array) => void;
  /** Hex digests in the order of the ranges; call it after the last byte. */
  readonly digests: () => readonly string[];
};

/** `ranges` must be normalised. */
export const createRangeDigester = (
  ranges: readonly Range[],
): RangeDigester => {
  const finished: string[] = [];
  let current = createHash("sha256");
  return {
    update: (offset, data) => {
      for (const part of intersectRange(
        { offset, length: data.length },
        ranges,
      )) {
        const start = part.offset - offset;
        current.update(data.subarray(start, start + part.length));
        const range = ranges[finished.length];
        if (range !== undefined && rangeEnd(part) === rangeEnd(range)) {
          finished.push(current.digest("hex"));
          current = createHash("sha256");
        }
      }
    },
    digests: () => finished,
  };
};
