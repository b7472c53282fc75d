// Writes the withheld first MiB, after which the target boots.
import { totalLength } from "../image/range.ts";
import { HEAD_BYTES } from "./segments.ts";
import { differing } from "./read-back.ts";
import { readBackDiffers } from "./target-failure.ts";
import { inBlocks, type TargetRun } from "./target-run.ts";

/** Writes the first block last: without the partition table in it, the rest of the MiB is useless. */
const writeHead = async ({ target }: TargetRun, head: Buffer) => {
  const first = Math.max(target.blockSize, 4096);
  if (head.length > first) {
    await target.write(head.subarray(first), first);
    await target.flush();
  }
  await target.write(head.subarray(0, first), 0);
  await target.flush();
  await target.forget();
};

const headOf = ({ target, segments, head }: TargetRun): Buffer =>
  head.subarray(
    0,
    Math.min(inBlocks(target, segments[0]?.length ?? 0), HEAD_BYTES),
  );

/** Makes the target unbootable again after something has failed; best effort. */
export const emptyHead = async (run: TargetRun): Promise<void> => {
  // A failure here is ignored, because the user is told about the earlier one.
  const [emptied] = await Promise.allSettled([
    writeHead(run, headOf(run).fill(0)),
  ]);
  if (emptied.status === "fulfilled") {
    run.stage = "unbootable";
  }
};

/** @throws UserError READBACK_DIFFERS, after the first MiB was emptied again */
export const finishHead = async (run: TargetRun): Promise<void> => {
  const { target, segments } = run;
  const [first] = segments;
  if (first === undefined) {
    return;
  }
  run.stage = "unsure";
  try {
    await writeHead(run, headOf(run));
    run.bytesWritten += first.length;
    // On a card that wraps around, writing the first MiB may have overwritten the last one.
    const bad = await differing(run, [
      ...new Set([first, ...segments.slice(-1)]),
    ]);
    if (bad.length > 0) {
      throw readBackDiffers(target.path, bad);
    }
    await target.settle();
    await target.flush();
  } catch (error) {
    await emptyHead(run);
    throw error;
  }
  run.stage = "proven";
  const total = totalLength(segments);
  run.report({
    type: "progress",
    phase: "flash",
    subject: target.path,
    done: total,
    total,
  });
};
