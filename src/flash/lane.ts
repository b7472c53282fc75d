// Writes pieces to one target and reads each back some way behind the writing, while other lanes do the same for theirs.
import type { Piece } from "./assemble.ts";
import { createQueue } from "./queue.ts";
import { holdsSegment } from "./read-back.ts";
import { MOST_REPAIRS } from "./repair.ts";
import { type Segment, SEGMENT_BYTES } from "./segments.ts";
import { readBackDiffers } from "./target-failure.ts";
import { type TargetRun, writePiece, inBlocks } from "./target-run.ts";
import { alignedBuffers } from "../device/open/aligned-memory.ts";

// Skips zeros that the medium holds already: most media read as zeros after a discard, and reading is cheaper than writing.

/** A medium that has shown old data this often in a row has discarded nothing, and is not asked again. */
const MOST_MISSES = 8;

const ZEROS = Buffer.alloc(SEGMENT_BYTES);

const isZero = (bytes: Buffer): boolean =>
  bytes.equals(ZEROS.subarray(0, bytes.length));

/**
 * For one writer: whether the piece is all zeros and the medium, when read, holds them already, so that it need be neither
 * written nor read back. Always false without direct reads, when the system would answer and not the medium.
 */
const zeroKeeper = (run: TargetRun): ((piece: Piece) => Promise<boolean>) => {
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

/** How many segments reading back stays behind writing: more than the few MiB that a card answers from its own cache. */
const DISTANCE = 32;

/** Without direct I/O the system would collect gigabytes in memory, and one flush at the end would look like a stall. */
const FLUSH_EVERY = 64;

export type TargetLane = {
  readonly run: TargetRun;
  readonly failed: () => boolean;
  /** Takes over the piece, and releases it later. */
  readonly offer: (piece: Piece) => void;
  /**
   * Waits until every piece is written and read back; gives the segments that differ.
   * @throws what made the lane fail
   */
  readonly finish: () => Promise<readonly Segment[]>;
};

type LaneOptions = {
  /** Requests in flight. */
  readonly writers: number;
  /** Bytes of all segments. */
  readonly total: number;
  /** Zeros are written even where the medium reads as zeros. */
  readonly wipe: boolean;
};

export const startTargetLane = (
  run: TargetRun,
  { writers, total, wipe }: LaneOptions,
): TargetLane => {
  const { target, report } = run;
  const toWrite = createQueue<Piece>();
  const toRead = createQueue<Segment>(target.direct ? DISTANCE : Infinity);
  const bad: Segment[] = [];
  let failure: { readonly error: unknown } | undefined;
  let proven = 0;
  let written = 0;

  const fail = (error: unknown): void => {
    failure ??= { error };
    toRead.close();
  };

  const withhold = ({ segment, slot, sum }: Piece): void => {
    slot.bytes.copy(run.head, 0, 0, segment.length);
    run.head.fill(0, segment.length);
    run.sums[segment.index] = sum;
  };

  const prove = ({ length }: Segment): void => {
    proven += length;
    report({
      type: "progress",
      phase: "flash",
      subject: target.path,
      done: proven,
      total,
    });
  };

  const write = async (): Promise<void> => {
    const isKept = wipe ? undefined : zeroKeeper(run);
    for await (const piece of toWrite) {
      try {
        // After a failure the queue is only emptied, because all targets share the slots in it.
        if (failure === undefined) {
          run.signal?.throwIfAborted();
          if ((await isKept?.(piece)) === true) {
            prove(piece.segment);
            continue;
          }
          await writePiece(run, piece);
          written += 1;
          if (!target.direct && written % FLUSH_EVERY === 0) {
            await target.flush();
          }
          toRead.push(piece.segment);
        }
      } catch (error) {
        fail(error);
      } finally {
        piece.slot.release();
      }
    }
  };

  const readBack = async (): Promise<void> => {
    for await (const segment of toRead) {
      if (failure !== undefined) {
        return;
      }
      run.signal?.throwIfAborted();
      if (await holdsSegment(run, segment)) {
        prove(segment);
      } else if (bad.push(segment) > MOST_REPAIRS) {
        throw readBackDiffers(target.path, bad);
      }
    }
  };

  const writing = Promise.all(Array.from({ length: writers }, write)).then(
    async () => {
      if (failure === undefined && !target.direct) {
        await target.flush();
        await target.forget();
      }
    },
  );
  // Reading back ends after writing has. Nothing awaits the two before `finish`, so their failures are caught here.
  const ended = Promise.all([
    writing.catch(fail).finally(toRead.close),
    readBack().catch(fail),
  ]);

  return {
    run,
    failed: () => failure !== undefined,
    offer: (piece) => {
      if (piece.segment.index === 0) {
        withhold(piece);
        piece.slot.release();
      } else {
        toWrite.push(piece);
      }
    },
    finish: async () => {
      toWrite.close();
      await ended;
      if (failure !== undefined) {
        throw failure.error;
      }
      await target.flush();
      return bad;
    },
  };
};
