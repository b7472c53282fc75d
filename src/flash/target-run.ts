// What one flash knows about one of its targets while it runs.
import { alignedBuffers } from "../device/open/aligned-memory.ts";
import type { OpenTarget } from "../device/open/opened-target.ts";
import type { Patch } from "../image/patch.ts";
import { intersectRange, type Range, totalLength } from "../image/range.ts";
import type { Report } from "../report/events.ts";
import type { UserError } from "../report/user-error.ts";
import type { Piece } from "./assemble.ts";
import {
  decodedRanges,
  HEAD_BYTES,
  patchRanges,
  SEGMENT_BYTES,
  type Segment,
} from "./segments.ts";

/** How far a target has come, and so what is on it. */
export type Stage =
  "untouched" | "erasing" | "unbootable" | "unsure" | "proven";

export type TargetRun = {
  readonly target: OpenTarget;
  readonly patch: Patch;
  readonly patched: readonly Range[];
  readonly segments: readonly Segment[];
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
  /** CRC-32 of each segment as this target must hold it. */
  readonly sums: Uint32Array;
  /** The first MiB, withheld. */
  readonly head: Buffer;
  /** Takes what is read back; one reader at a time. */
  readonly buffer: Buffer;
  stage: Stage;
  error: UserError | undefined;
  bytesWritten: number;
  bytesReadBack: number;
  /** Segments that were written again because they read back differently. */
  rewritten: number;
};

const isInside = (part: Range, ranges: readonly Range[]): boolean =>
  totalLength(intersectRange(part, ranges)) === part.length;

export const createTargetRun = (
  target: OpenTarget,
  patch: Patch,
  segments: readonly Segment[],
  report: Report,
  signal: AbortSignal | undefined,
): TargetRun => {
  const [head = Buffer.alloc(0), buffer = Buffer.alloc(0)] = alignedBuffers(
    2,
    SEGMENT_BYTES,
  );
  return {
    target,
    patch,
    patched: patchRanges(patch),
    segments,
    report,
    signal,
    sums: new Uint32Array(segments.length),
    head: head.subarray(0, HEAD_BYTES),
    buffer,
    stage: "untouched",
    error: undefined,
    bytesWritten: 0,
    bytesReadBack: 0,
    rewritten: 0,
  };
};

/** @throws RangeError when the caller left out bytes that make this target's image its own */
export const demandPatchWritten = ({
  target,
  patched,
  segments,
}: TargetRun) => {
  const written = decodedRanges(segments);
  if (patched.some((part) => !isInside(part, written))) {
    throw new RangeError(
      `${target.path}: a part of the patch would not be written`,
    );
  }
};

/** A length in whole blocks of the target. */
export const inBlocks = (target: OpenTarget, length: number): number =>
  Math.ceil(length / target.blockSize) * target.blockSize;

/** Writes a piece, in whole blocks, and remembers what must be read back. */
export const writePiece = async (
  run: TargetRun,
  { segment, slot, sum }: Piece,
): Promise<void> => {
  run.sums[segment.index] = sum;
  const length = inBlocks(run.target, segment.length);
  await run.target.write(slot.bytes.subarray(0, length), segment.offset);
  run.bytesWritten += segment.length;
};
