// Decodes .xz streams in several `xz` processes at once. Input and output are files in memory, so that the decoded bytes
// cross no pipe: xz writes 8 KiB at a time, and reading that through Node's event loop costs a tenth of the decoding.
import type { FileHandle } from "node:fs/promises";
import { UserError } from "../../../report/user-error.ts";
import { toolMissing } from "../../../system/run/run-tool.ts";
import { isDiskFull } from "../../../system/disk-full.ts";
import { bytesAt, readAt, writeAt } from "../../../system/exact-io.ts";
import { DecodeFailure, decoderWords, toolKilled } from "../decoder-tool.ts";
import {
  BY_SIGNAL,
  type XzLane,
  type LaneFiles,
  NOT_FOUND,
  startXzLane,
  TOO_LARGE,
} from "./xz-lane.ts";
import type { StreamPart } from "./xz-run.ts";
import type { DecodedRun, LaneCount, RunDecoder } from "./xz-run-decoder.ts";
import { fileNumber, openSlotFiles, type SlotFiles } from "./xz-slot-files.ts";

const COPY_SIZE = 512 * 1024;
/** More than xz ever says. */
const WORDS_READ = 64 * 1024;

/** Input, output, and what xz says. */
const FILES_OF_SLOT = 3;

type LaneSlot = {
  readonly files: LaneFiles;
  /** Carries stored bytes from the archive to the input file. */
  readonly buffer: Buffer;
  readonly input: FileHandle;
  readonly output: FileHandle;
  readonly words: FileHandle;
};

const makeSlot = ({ handles }: SlotFiles, number: number): LaneSlot => {
  const first = number * FILES_OF_SLOT;
  const [input, output, words] = handles.slice(first, first + FILES_OF_SLOT);
  if (input === undefined || output === undefined || words === undefined) {
    throw new RangeError(`there are no files for slot ${number}`);
  }
  return {
    files: {
      input: fileNumber(first),
      output: fileNumber(first + 1),
      words: fileNumber(first + 2),
    },
    buffer: Buffer.allocUnsafeSlow(COPY_SIZE),
    input,
    output,
    words,
  };
};

/** A pool of free things; whoever has to wait for one gets it in the order of asking. */
const pool = <Thing>(things: readonly Thing[]) => {
  const free = [...things];
  const waiting: ((thing: Thing) => void)[] = [];
  return {
    take: async (): Promise<Thing> =>
      free.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    give: (thing: Thing): void => {
      const next = waiting.shift();
      if (next === undefined) {
        free.push(thing);
      } else {
        next(thing);
      }
    },
  };
};

/** Copies a wrapped run into the slot's input file. */
const fillInput = async (
  archive: FileHandle,
  parts: readonly StreamPart[],
  { input, buffer }: LaneSlot,
): Promise<void> => {
  let position = 0;
  for (const part of parts) {
    if (Buffer.isBuffer(part)) {
      await writeAt(input, part, position);
      position += part.length;
      continue;
    }
    for (let done = 0; done < part.length;) {
      const length = Math.min(COPY_SIZE, part.length - done);
      const piece = buffer.subarray(0, length);
      if ((await readAt(archive, piece, part.offset + done)) < length) {
        throw new DecodeFailure("the file became shorter while it was read");
      }
      await writeAt(input, piece, position);
      position += length;
      done += length;
    }
  }
  await input.truncate(position);
};

const readWords = async ({ words }: LaneSlot): Promise<string> => {
  const bytes = await bytesAt(words, 0, WORDS_READ);
  return bytes.toString("utf8");
};

const memoryFull = ({ place }: SlotFiles): UserError =>
  new UserError("DISK_FULL", `${place} has no room for decoded blocks`, {
    state: "nothing was written",
    hint: "free some space there, or set TMPDIR to a folder that has space",
  });

/** Decodes parts of `archive` with the installed xz. A slot is taken until the run is released. */
export const openXzLanes = async (
  archive: FileHandle,
  count: LaneCount,
): Promise<RunDecoder> => {
  const files = await openSlotFiles(
    count.slots * FILES_OF_SLOT,
    count.slots * count.room * 2,
  );
  const slots = Array.from({ length: count.slots }, (_, number) =>
    makeSlot(files, number),
  );
  const lanes = Array.from({ length: count.lanes }, () =>
    startXzLane(files, count.room),
  );
  const freeSlots = pool(slots);
  // Each lane twice: while it decodes one run, the next one is already in its queue.
  const freeLanes = pool<XzLane>([...lanes, ...lanes]);

  const explain = async (slot: LaneSlot, status: number): Promise<Error> => {
    if (status === NOT_FOUND) {
      return toolMissing("xz", "xz-utils");
    }
    const tooLarge = () =>
      new DecodeFailure("more bytes came than the index says");
    if (status === TOO_LARGE) {
      return tooLarge();
    }
    if (status >= BY_SIGNAL) {
      return toolKilled("xz", `signal ${status - BY_SIGNAL}`);
    }
    const words = await readWords(slot);
    // Where the signal is ignored, as under Python, xz sees the limit as an error.
    if (words.includes("File too large")) {
      return tooLarge();
    }
    return words.includes("No space left on device")
      ? memoryFull(files)
      : new DecodeFailure(decoderWords(words));
  };

  const decodeIn = async (
    slot: LaneSlot,
    parts: readonly StreamPart[],
    size: number,
  ): Promise<void> => {
    await fillInput(archive, parts, slot).catch((error: unknown) => {
      throw isDiskFull(error) ? memoryFull(files) : error;
    });
    const lane = await freeLanes.take();
    const status = await lane
      .run(slot.files)
      .finally(() => freeLanes.give(lane));
    if (status !== 0) {
      throw await explain(slot, status);
    }
    const decoded = (await slot.output.stat()).size;
    if (decoded !== size) {
      throw new DecodeFailure(`${decoded} bytes came instead of ${size}`);
    }
  };

  return {
    decode: async (parts, size): Promise<DecodedRun> => {
      const slot = await freeSlots.take();
      try {
        await decodeIn(slot, parts, size);
      } catch (error) {
        freeSlots.give(slot);
        throw error;
      }
      return {
        read: async (offset, target) => {
          if ((await readAt(slot.output, target, offset)) < target.length) {
            throw new Error(
              "decoded blocks became shorter while they were read",
            );
          }
        },
        release: () => freeSlots.give(slot),
      };
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
      await files.close();
    },
  };
};
