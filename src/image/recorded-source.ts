// A source that records which of its bytes were read, with their hashes, so that another copy can be checked to have the same.
import { createHash } from "node:crypto";
import { normaliseRanges, type Range } from "./range.ts";
import type { Source } from "./source.ts";

export type ReadRange = Range & {
  /** Of its bytes, in hex. */
  readonly sha256: string;
};

export type RecordedSource = Source & {
  /** What was read so far; normalised. */
  readonly reads: () => Promise<readonly ReadRange[]>;
};

/** Whoever opened `source` closes it. */
export const recordReads = (source: Source): RecordedSource => {
  const ranges: Range[] = [];
  return {
    size: source.size,
    read: (offset, length) => {
      ranges.push({ offset, length });
      return source.read(offset, length);
    },
    reads: async () => {
      const reads: ReadRange[] = [];
      for (const range of normaliseRanges(ranges)) {
        const bytes = await source.read(range.offset, range.length);
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        reads.push({ ...range, sha256 });
      }
      return reads;
    },
    close: async () => undefined,
  };
};
