// Writes segments again that read back differently: a loose contact is gone the second time, a bad card is not.
import type { ImageReader } from "../image/reader.ts";
import { assemble } from "./assemble.ts";
import { personalise } from "./personalise.ts";
import { differing, sampleOf } from "./read-back.ts";
import { decodedRanges, type Segment } from "./segments.ts";
import type { SlotPool } from "./slots.ts";
import { readBackDiffers } from "./target-failure.ts";
import type { InTurn } from "./turns.ts";
import { type TargetRun, writePiece } from "./target-run.ts";

const ROUNDS = 2;

/** More than this cannot be a loose contact, and decoding the image again would only delay the verdict. */
export const MOST_REPAIRS = 64;

export type Supply = {
  readonly reader: ImageReader;
  readonly pool: SlotPool;
  /** The image is decoded for one target at a time. */
  readonly inTurn: InTurn;
};

const rewrite = async (
  run: TargetRun,
  bad: readonly Segment[],
  { reader, pool }: Supply,
): Promise<void> => {
  const chunks = reader.chunks(decodedRanges(bad));
  // Requests in flight end in any order, so bad segments are found in any order.
  const ordered = bad.toSorted((a, b) => a.index - b.index);
  for await (const base of assemble(chunks, ordered, pool)) {
    const piece = await personalise(base, run, pool);
    base.slot.release();
    try {
      run.signal?.throwIfAborted();
      await writePiece(run, piece);
      run.rewritten += 1;
    } finally {
      piece.slot.release();
    }
  }
};

/**
 * Proves all segments but the withheld first one: writes the bad ones again, at most twice, then takes a last look at a
 * spread of all.
 * @throws UserError READBACK_DIFFERS
 */
export const proveSegments = async (
  run: TargetRun,
  differed: readonly Segment[],
  supply: Supply,
): Promise<void> => {
  const { target, report } = run;
  const body = run.segments.slice(1);
  let bad = differed;
  for (let round = 0; ; round += 1) {
    if (bad.length === 0) {
      await target.forget();
      bad = await differing(run, sampleOf(body));
    }
    if (bad.length === 0) {
      return;
    }
    if (round === ROUNDS || bad.length > MOST_REPAIRS) {
      throw readBackDiffers(target.path, bad);
    }
    report({
      type: "warning",
      subject: target.path,
      message: `${target.path} did not hold ${bad.length} of ${body.length} pieces; writing them again`,
    });
    const wrong = bad;
    await supply.inTurn(() => rewrite(run, wrong, supply));
    await target.flush();
    await target.forget();
    bad = await differing(run, bad);
  }
};
