// Writes the withheld first MiB, after which the target boots.
import { HEAD_BYTES } from "./segments.ts";
import { differing } from "./read-back.ts";
import { readBackDiffers } from "./target-failure.ts";
import { inBlocks, type TargetRun } from "./target-run.ts";

/** The first block goes last: without the partition table in it the rest of the MiB is nothing. */
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

/** Best effort, after something has failed already; `head` is the aligned memory to use. */
const emptied = async (run: TargetRun, head: Buffer): Promise<boolean> => {
  try {
    await writeHead(run, head.fill(0));
    return true;
  } catch {
    return false;
  }
};

/** @throws UserError READBACK_DIFFERS, after the first MiB was emptied again */
export const finishHead = async (run: TargetRun): Promise<void> => {
  const { target, segments } = run;
  const [first] = segments;
  if (first === undefined) {
    return;
  }
  const head = run.head.subarray(
    0,
    Math.min(inBlocks(target, first.length), HEAD_BYTES),
  );
  run.stage = "unsure";
  try {
    await writeHead(run, head);
    run.bytesWritten += first.length;
    // Of a card that wraps around, the first MiB may be the last one as well.
    const bad = await differing(run, [
      ...new Set([first, ...segments.slice(-1)]),
    ]);
    if (bad.length > 0) {
      throw readBackDiffers(target.path, bad);
    }
    await target.settle();
    await target.flush();
  } catch (error) {
    if (await emptied(run, head)) {
      run.stage = "unbootable";
    }
    throw error;
  }
  run.stage = "proven";
};
