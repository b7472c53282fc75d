// Makes a target unbootable and removes the partition tables of its earlier life, before anything is written.
import { alignedBuffers } from "../device/open/aligned-memory.ts";
import type { Range } from "../image/range.ts";
import { HEAD_BYTES, SEGMENT_BYTES } from "./segments.ts";
import { readBackDiffers } from "./target-failure.ts";
import type { TargetRun } from "./target-run.ts";

/**
 * The first MiB (partition table, boot code) and the last (backup GPT in the last 33 sectors, UEFI 2.10 section 5.3;
 * superblocks of md and ZFS), in whole blocks: until it is settled, a file may be longer by the rest of its last block.
 */
export const endsOf = (size: number, block: number): readonly Range[] => {
  const whole = Math.ceil(size / block) * block;
  const head = Math.min(HEAD_BYTES, whole);
  const tail = Math.max(whole - SEGMENT_BYTES, head);
  return [
    { offset: 0, length: head },
    { offset: tail, length: whole - tail },
  ].filter(({ length }) => length > 0);
};

/**
 * Zeroes both ends and proves it; with `discard` the medium may drop all of its content.
 * @throws UserError READBACK_DIFFERS when the target ignores writes
 */
export const erase = async (
  run: TargetRun,
  discard: boolean,
): Promise<void> => {
  const { target, report } = run;
  report({ type: "phase", phase: "erase", subject: target.path });
  const [zeros = Buffer.alloc(0)] = alignedBuffers(1, SEGMENT_BYTES);
  const ends = endsOf(target.size, target.blockSize).map(
    ({ offset, length }) => ({ offset, bytes: zeros.subarray(0, length) }),
  );
  const zeroEnds = async (): Promise<void> => {
    for (const { offset, bytes } of ends) {
      await target.write(bytes, offset);
    }
    await target.flush();
  };

  run.stage = "erasing";
  await zeroEnds();
  if (discard) {
    await target.discard(run.signal);
    // Discarded blocks may read as anything, also as what they held before.
    await zeroEnds();
  }
  await target.forget();
  for (const { offset, bytes } of ends) {
    const into = run.buffer.subarray(0, bytes.length);
    await target.read(into, offset);
    if (!into.equals(bytes)) {
      throw readBackDiffers(target.path, [
        { index: 0, offset, length: bytes.length },
      ]);
    }
  }
  run.stage = "unbootable";
};
