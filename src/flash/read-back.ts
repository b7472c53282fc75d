// Reads segments back from the medium and compares them with what was written.
import { crc32 } from "node:zlib";
import type { Segment } from "./segments.ts";
import { inBlocks, type TargetRun } from "./target-run.ts";

/** Whether the target holds this segment's bytes. */
export const holdsSegment = async (
  run: TargetRun,
  segment: Segment,
): Promise<boolean> => {
  const length = inBlocks(run.target, segment.length);
  const into = run.buffer.subarray(0, length);
  await run.target.read(into, segment.offset);
  run.bytesReadBack += segment.length;
  return crc32(into.subarray(0, segment.length)) === run.sums[segment.index];
};

/** The segments that the target does not hold; `done` is called after each. */
export const differing = async (
  run: TargetRun,
  segments: readonly Segment[],
): Promise<readonly Segment[]> => {
  const found: Segment[] = [];
  for (const segment of segments) {
    run.signal?.throwIfAborted();
    if (!(await holdsSegment(run, segment))) {
      found.push(segment);
    }
  }
  return found;
};

/** How many segments the last look reads. */
const SAMPLES = 64;

/**
 * A spread of segments, always with the first and the last: a card that claims more than it has wraps around, and later
 * writes destroy earlier ones that were right when they were read back.
 */
export const sampleOf = (segments: readonly Segment[]): readonly Segment[] => {
  const step = Math.max(1, (segments.length - 1) / (SAMPLES - 1));
  const indexes = new Set<number>();
  for (let at = 0; at < segments.length; at += step) {
    indexes.add(Math.round(at));
  }
  indexes.add(segments.length - 1);
  return segments.filter((_, index) => indexes.has(index));
};
