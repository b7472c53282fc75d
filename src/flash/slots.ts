// A fixed number of aligned buffers that several targets share: taking one waits until one is free.
import { alignedBuffers } from "../device/open/aligned-memory.ts";
import { SEGMENT_BYTES } from "./segments.ts";

export type BufferSlot = {
  readonly bytes: Buffer;
  /** One more holder. */
  readonly retain: () => void;
  /** One holder less; the last one returns the buffer. */
  readonly release: () => void;
};

export type SlotPool = { readonly acquire: () => Promise<BufferSlot> };

export const createSlotPool = (count: number): SlotPool => {
  const free = alignedBuffers(count, SEGMENT_BYTES);
  const waiting: ((bytes: Buffer) => void)[] = [];

  const giveBack = (bytes: Buffer): void => {
    const next = waiting.shift();
    if (next === undefined) {
      free.push(bytes);
    } else {
      next(bytes);
    }
  };

  const slotOf = (bytes: Buffer): BufferSlot => {
    let holders = 1;
    return {
      bytes,
      retain: () => {
        holders += 1;
      },
      release: () => {
        holders -= 1;
        if (holders === 0) {
          giveBack(bytes);
        }
      },
    };
  };

  return {
    acquire: async () =>
      slotOf(
        free.pop() ?? (await new Promise((resolve) => waiting.push(resolve))),
      ),
  };
};
