// What a list of ranges leaves out: tests judge by it what must not have been touched.
import { type Range, rangeEnd } from "../../src/image/range.ts";

/** The parts of `[0, size)` that no range covers; `ranges` must be normalised. */
export const invertRanges = (
  ranges: readonly Range[],
  size: number,
): Range[] => {
  const gaps: Range[] = [];
  let position = 0;
  for (const range of ranges) {
    if (range.offset > position) {
      gaps.push({ offset: position, length: range.offset - position });
    }
    position = rangeEnd(range);
  }
  if (position < size) {
    gaps.push({ offset: position, length: size - position });
  }
  return gaps;
};
