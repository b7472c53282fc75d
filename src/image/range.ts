// Byte ranges and their set operations; a normalised list is sorted and neither overlaps nor touches.

/** Bytes `offset` up to, not including, `offset + length`. */
export type Range = { readonly offset: number; readonly length: number };

export const rangeEnd = (range: Range): number => range.offset + range.length;

export const totalLength = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, range) => sum + range.length, 0);

/** Sorted, merged, without empty ranges. */
export const normaliseRanges = (ranges: readonly Range[]): Range[] => {
  const sorted = ranges
    .filter((range) => range.length > 0)
    .toSorted((a, b) => a.offset - b.offset);
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.offset <= rangeEnd(last)) {
      const end = Math.max(rangeEnd(last), rangeEnd(range));
      merged[merged.length - 1] = {
        offset: last.offset,
        length: end - last.offset,
      };
    } else {
      merged.push(range);
    }
  }
  return merged;
};

/** Grows each range to whole blocks, within `size`; the result is normalised. */
export const alignRanges = (
  ranges: readonly Range[],
  block: number,
  size: number,
): Range[] =>
  normaliseRanges(
    ranges.map((range) => {
      const start = Math.floor(range.offset / block) * block;
      const end = Math.min(Math.ceil(rangeEnd(range) / block) * block, size);
      return { offset: start, length: end - start };
    }),
  );

/** The parts of `range` that the normalised `ranges` cover. */
export const intersectRange = (
  range: Range,
  ranges: readonly Range[],
): Range[] => {
  // Binary search for the first range that ends after the start.
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = ranges[middle];
    if (candidate !== undefined && rangeEnd(candidate) <= range.offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const parts: Range[] = [];
  for (let index = low; index < ranges.length; index += 1) {
    const other = ranges[index];
    if (other === undefined || other.offset >= rangeEnd(range)) {
      break;
    }
    const offset = Math.max(range.offset, other.offset);
    const end = Math.min(rangeEnd(range), rangeEnd(other));
    parts.push({ offset, length: end - offset });
  }
  return parts;
};
