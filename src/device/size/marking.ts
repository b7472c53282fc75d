// Writes markers onto a device and takes them away again: what they overwrite is saved first and put back at the end.
import type { Report } from "../../report/events.ts";
import { alignedBuffers } from "../open/aligned-memory.ts";
import { systemCode } from "../../report/expected-failure.ts";
import type { OpenTarget } from "../open/opened-target.ts";
import type { SizeLayout } from "./size-layout.ts";
import { fillMarker, SIZE_MARKER_BYTES, markerIn } from "./size-markers.ts";

const MIB = 1024 ** 2;

export type MarkingOptions = {
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
  /** A number that no earlier run has written. */
  readonly nonce: bigint;
};

export type Marking = {
  /** Fills the stretch; also pushes earlier writes out of the card's cache. */
  readonly markStretch: () => Promise<void>;
  /** Writes single markers; returns the places that cannot be read or written at all. */
  readonly mark: (places: readonly number[]) => Promise<ReadonlySet<number>>;
  /** Whether the marker of this place is still there. */
  readonly holds: (at: number) => Promise<boolean>;
  /** Calls `found` for every place of the stretch that lost its marker, with where the marker found there was written, if any. */
  readonly findStrangers: (
    found: (here: number, written: number | undefined) => void,
  ) => Promise<void>;
  /**
   * Undoes everything, last first.
   * @param below places above it are not checked: nothing comes back from beyond a card's real end
   * @returns how many places do not hold what they held before
   */
  readonly restore: (below: number) => Promise<number>;
};

/** A place that cannot be written or read is a finding; any other error is thrown. */
const demandPlaceError = (error: unknown): void => {
  if (!["EIO", "ENOSPC", "EREMOTEIO"].includes(systemCode(error) ?? "")) {
    throw error;
  }
};

/** Saves the stretch. Nothing is written yet. */
export const startMarking = async (
  target: OpenTarget,
  { start, length, singles }: SizeLayout,
  { report, signal, nonce }: MarkingOptions,
): Promise<Marking> => {
  const [stretch = Buffer.alloc(0)] = alignedBuffers(1, length);
  const [block = Buffer.alloc(0)] = alignedBuffers(1, SIZE_MARKER_BYTES);
  const saved = new Map<number, Buffer>();
  const subject = target.path;
  const total = 4 * length + 2 * singles.length * SIZE_MARKER_BYTES;
  let done = 0;
  const count = (bytes: number): void => {
    done = Math.min(done + bytes, total);
    report({ type: "progress", phase: "test", subject, done, total });
  };
  const inPieces = async (
    step: (part: Buffer, at: number) => Promise<void>,
  ): Promise<void> => {
    for (let at = 0; at < length; at += MIB) {
      const part = stretch.subarray(at, Math.min(at + MIB, length));
      await step(part, start + at);
    }
  };
  const counted = (
    step: (part: Buffer, at: number) => Promise<void>,
  ): Promise<void> =>
    inPieces(async (part, at) => {
      signal?.throwIfAborted();
      await step(part, at);
      count(part.length);
    });

  report({ type: "phase", phase: "test", subject, total });
  await counted((part, at) => target.read(part, at));
  const original = Buffer.from(stretch);

  return {
    markStretch: async () => {
      await counted(async (part, at) => {
        for (
          let inside = 0;
          inside < part.length;
          inside += SIZE_MARKER_BYTES
        ) {
          const marker = part.subarray(inside, inside + SIZE_MARKER_BYTES);
          fillMarker(marker, at + inside, nonce);
        }
        await target.write(part, at);
      });
      await target.flush();
      await target.forget();
    },
    mark: async (places) => {
      const refused = new Set<number>();
      for (const at of places) {
        signal?.throwIfAborted();
        try {
          await target.read(block, at);
          saved.set(at, Buffer.from(block));
          fillMarker(block, at, nonce);
          await target.write(block, at);
        } catch (error) {
          demandPlaceError(error);
          refused.add(at);
        }
        count(SIZE_MARKER_BYTES);
      }
      await target.flush();
      return refused;
    },
    holds: async (at) => {
      signal?.throwIfAborted();
      count(SIZE_MARKER_BYTES);
      try {
        await target.read(block, at);
        return markerIn(block, nonce) === at;
      } catch (error) {
        demandPlaceError(error);
        return false;
      }
    },
    findStrangers: (found) =>
      counted(async (part, at) => {
        await target.read(part, at);
        for (
          let inside = 0;
          inside < part.length;
          inside += SIZE_MARKER_BYTES
        ) {
          const marker = part.subarray(inside, inside + SIZE_MARKER_BYTES);
          const written = markerIn(marker, nonce);
          if (written !== at + inside) {
            found(at + inside, written);
          }
        }
      }),
    restore: async (below) => {
      let lost = 0;
      const places = [...saved].toReversed();
      for (const [at, bytes] of places) {
        try {
          block.set(bytes);
          await target.write(block, at);
        } catch (error) {
          demandPlaceError(error);
        }
      }
      stretch.set(original);
      await inPieces((part, at) => target.write(part, at));
      await target.flush();
      await target.forget();
      for (const [at, bytes] of places.filter(([at]) => at < below)) {
        await target.read(block, at);
        lost += block.equals(bytes) ? 0 : 1;
      }
      await inPieces(async (part, at) => {
        await target.read(part, at);
        const kept = Math.max(0, Math.min(part.length, below - at));
        const before = original.subarray(at - start, at - start + kept);
        lost += part.subarray(0, kept).equals(before) ? 0 : 1;
      });
      return lost;
    },
  };
};
