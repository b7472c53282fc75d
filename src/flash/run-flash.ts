// Writes one image to one or several targets at once, each with its own patch, and proves what each holds.
import type { OpenTarget, ReadBack } from "../device/open/opened-target.ts";
import type { Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import type { Report } from "../report/events.ts";
import type { UserError } from "../report/user-error.ts";
import { assemble } from "./assemble.ts";
import { erase } from "./erase.ts";
import { emptyHead, finishHead } from "./head.ts";
import { type ImageProof, startProof } from "./image-proof.ts";
import { type TargetLane, startTargetLane } from "./lane.ts";
import { personalise } from "./personalise.ts";
import { proveSegments, type Supply } from "./repair.ts";
import { cutSegments, decodedRanges, type Segment } from "./segments.ts";
import { createTurns } from "./turns.ts";
import { createSlotPool } from "./slots.ts";
import { STALL_LIMITS, type StallLimits, watchStalls } from "./stall-watch.ts";
import { explainTargetFailure } from "./target-failure.ts";
import {
  createTargetRun,
  demandPatchWritten,
  type TargetRun,
} from "./target-run.ts";

export type FlashJob = {
  readonly reader: ImageReader;
  /** What is written, from `writeRanges` with the patches of all targets. */
  readonly ranges: readonly Range[];
  /** Writes zeros even where the medium reads as zeros. */
  readonly wipe: boolean;
  /** Tells the targets that they may drop what they held. */
  readonly discard: boolean;
  readonly targets: readonly {
    readonly target: OpenTarget;
    readonly patch: Patch;
  }[];
  /** Resolves when the image's file is the one that its publisher describes. Runs meanwhile; no target boots before. */
  readonly proveImage?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
  readonly stallLimits?: StallLimits | undefined;
};

export type TargetResult = {
  readonly path: string;
  /** Undefined: every byte was read back and is right. */
  readonly error: UserError | undefined;
  readonly readBack: ReadBack;
  readonly bytesWritten: number;
  readonly bytesReadBack: number;
  /** Segments that had to be written again. */
  readonly rewritten: number;
  readonly segments: readonly Segment[];
  /** CRC-32 of each segment. */
  readonly sums: Uint32Array;
  readonly seconds: number;
};

/** Does a step for one target; a target that has failed is left alone, and its failure stays its own. */
const attempt = async (
  run: TargetRun,
  step: () => Promise<void>,
): Promise<void> => {
  if (run.error !== undefined) {
    return;
  }
  try {
    run.signal?.throwIfAborted();
    await step();
  } catch (error) {
    run.error = await explainTargetFailure(error, run);
    if (run.error.code === "READBACK_DIFFERS" && run.stage === "unbootable") {
      // A card that wraps around may have put later bytes into the first MiB.
      await emptyHead(run);
    }
  }
};

const forEachTarget = async (
  runs: readonly TargetRun[],
  step: (run: TargetRun) => Promise<void>,
): Promise<void> => {
  await Promise.all(runs.map((run) => attempt(run, () => step(run))));
};

/** A failure to close is ignored: what was proven stays proven, and an earlier failure has been reported already. */
const close = async (run: TargetRun): Promise<void> => {
  try {
    await run.target.close();
  } catch (error) {
    await explainTargetFailure(error, run);
  }
};

/** Decodes once and gives every lane its pieces, until all pieces are given or every lane has failed. */
const feed = async (
  lanes: readonly TargetLane[],
  segments: readonly Segment[],
  { reader, pool }: Supply,
  proof: ImageProof,
): Promise<void> => {
  const chunks = reader.chunks(decodedRanges(segments));
  for await (const base of assemble(chunks, segments, pool)) {
    try {
      proof.throwIfRefused();
      const alive = lanes.filter((lane) => !lane.failed());
      if (alive.length === 0) {
        return;
      }
      for (const lane of alive) {
        lane.offer(await personalise(base, lane.run, pool));
      }
    } finally {
      base.slot.release();
    }
  }
};

const writeAll = async (
  runs: readonly TargetRun[],
  job: FlashJob,
  segments: readonly Segment[],
  supply: Supply,
  proof: ImageProof,
): Promise<void> => {
  const total = segments.reduce((sum, { length }) => sum + length, 0);
  const alive = runs.filter((run) => run.error === undefined);
  if (alive.length === 0) {
    return;
  }
  for (const { target } of alive) {
    job.report({ type: "phase", phase: "flash", subject: target.path, total });
  }
  // All targets share the threads that do Node's file operations.
  const writers = alive.length === 1 ? 2 : 1;
  const lanes = alive.map((run) =>
    startTargetLane(run, { writers, total, wipe: job.wipe }),
  );
  let damage: { readonly error: unknown } | undefined;
  try {
    await feed(lanes, segments, supply, proof);
  } catch (error) {
    damage = { error };
  }
  // Each target finishes by itself: one that does not answer must not hold up the others' last look.
  await Promise.all(
    lanes.map(({ run, finish }) =>
      attempt(run, async () => {
        const bad = await finish();
        if (damage !== undefined) {
          throw damage.error;
        }
        await proveSegments(run, bad, supply);
        await proof.proven;
        // The last moment at which a stopped run still leaves a card that does not boot.
        run.signal?.throwIfAborted();
        await finishHead(run);
      }),
    ),
  );
};

/**
 * Erases, writes, reads back, writes the first MiB last and reads it back too. One target's failure does not stop the
 * others. Every target is closed at the end.
 * @returns one result for each target, in their order
 * @throws only what is a bug
 */
export const flashImage = async (
  job: FlashJob,
): Promise<readonly TargetResult[]> => {
  const started = performance.now();
  const { report, signal } = job;
  const segments = cutSegments(job.ranges);
  const supply: Supply = {
    reader: job.reader,
    pool: createSlotPool(8 + 2 * job.targets.length),
    inTurn: createTurns(),
  };
  const runs = job.targets.map(({ target, patch }) =>
    createTargetRun(
      watchStalls(target, report, signal, job.stallLimits ?? STALL_LIMITS),
      patch,
      segments,
      report,
      signal,
    ),
  );
  const proof = startProof(job.proveImage, signal);
  try {
    runs.forEach(demandPatchWritten);
    await forEachTarget(runs, (run) => erase(run, job.discard));
    await writeAll(runs, job, segments, supply, proof);
  } finally {
    await proof.stop();
    await Promise.all(runs.map(close));
  }
  return runs.map((run) => ({
    path: run.target.path,
    error: run.error,
    readBack: run.target.readBack,
    bytesWritten: run.bytesWritten,
    bytesReadBack: run.bytesReadBack,
    rewritten: run.rewritten,
    segments,
    sums: run.sums,
    seconds: (performance.now() - started) / 1000,
  }));
};
