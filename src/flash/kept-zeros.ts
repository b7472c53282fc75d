// Leaves alone what must be zero and is: most media read as zeros after a discard, and reading is cheaper than writing.
import { alignedBuffers } from "../device/open/aligned-memory.ts";
import type { Piece } from "./assemble.ts";
import { SEGMENT_BYTES } from "./segments.ts";
import { inBlocks, type TargetRun } from "./target-run.ts";

/** A medium that has shown old data this often in a row has forgotten nothing; it is not asked again. */
const MOST_MISSES = 8;

const ZEROS = Buffer.alloc(SEGMENT_BYTES);

const isZero = (bytes: Buffer): boolean =>
  bytes.equals(ZEROS.subarray(0, bytes.length));

/**
 * For one writer: whether the piece is all zeros and the medium was read and holds them, so that neither writing nor
 * reading back is left to do. Without direct reads the answer would be the system's and not the medium's: then always false.
 */
export const zeroKeeper = (
  run: TargetRun,
): ((piece: Piece) => Promise<boolean>) => {
  const { target } = run;
  let misses = target.direct && target.kind === "device" ? 0 : MOST_MISSES;
  let buffer: Buffer | undefined;
  return async ({ segment, slot, sum }) => {
    if (
      misses >= MOST_MISSES ||
      !isZero(slot.bytes.subarray(0, segment.length))
    ) {
      return false;
    }
    buffer ??= alignedBuffers(1, SEGMENT_BYTES)[0] ?? Buffer.alloc(0);
    const held = buffer.subarray(0, inBlocks(target, segment.length));
    await target.read(held, segment.offset);
    if (!isZero(held)) {
      misses += 1;
      return false;
    }
    misses = 0;
    run.sums[segment.index] = sum;
    run.bytesReadBack += segment.length;
    return true;
  };
};
