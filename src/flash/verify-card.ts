// Reads a card back without writing: against its image, or against the checksums in its receipt.
import { crc32 } from "node:zlib";
import { alignedBuffers } from "../device/open/aligned-memory.ts";
import type { ReadTarget } from "../device/open/open-for-reading.ts";
import type { Patch } from "../image/patch.ts";
import { normaliseRanges, type Range, totalLength } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import { assemble } from "./assemble.ts";
import { personalise } from "./personalise.ts";
import { contentIn, type Receipt } from "./receipt.ts";
import {
  cutSegments,
  decodedRanges,
  patchRanges,
  SEGMENT_BYTES,
  type Segment,
} from "./segments.ts";
import { createSlotPool } from "./slots.ts";
import { failurePlaces } from "./target-failure.ts";

type Verification = {
  /** Bytes that were compared. */
  readonly bytes: number;
  /** Normalised, in whole segments; empty when the card holds everything. */
  readonly differing: readonly Range[];
};

type Verifying = {
  readonly target: ReadTarget;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
};

/** Compares segment after segment; `matches` gets the card's bytes. */
const comparison = (
  { target, report, signal }: Verifying,
  segments: readonly Segment[],
) => {
  const [buffer = Buffer.alloc(0)] = alignedBuffers(1, SEGMENT_BYTES);
  const differing: Range[] = [];
  const total = totalLength(segments);
  const subject = target.path;
  let done = 0;
  report({ type: "phase", phase: "verify", subject, total });
  return {
    compare: async (
      segment: Segment,
      matches: (held: Buffer) => boolean,
    ): Promise<void> => {
      signal?.throwIfAborted();
      await target.read(buffer, segment.offset, segment.length);
      if (!matches(buffer.subarray(0, segment.length))) {
        differing.push({ offset: segment.offset, length: segment.length });
      }
      done += segment.length;
      report({ type: "progress", phase: "verify", subject, done, total });
    },
    result: (): Verification => ({
      bytes: done,
      differing: normaliseRanges(differing),
    }),
  };
};

const demandSize = ({ path, size }: ReadTarget, needed: number): void => {
  if (size < needed) {
    throw new UserError(
      "READBACK_DIFFERS",
      `${path} has ${size.toLocaleString("en-US")} bytes, the image has ${needed.toLocaleString("en-US")}`,
      { state: "nothing was written" },
    );
  }
};

/**
 * Compares the card with base + patch, byte for byte within `ranges`.
 * @param ranges from `writeRanges`
 * @throws UserError IMAGE_DAMAGED; READBACK_DIFFERS when the card is smaller than the image
 */
export const verifyAgainstImage = async (
  verifying: Verifying,
  image: {
    readonly reader: ImageReader;
    readonly size: number;
    readonly patch: Patch;
    readonly ranges: readonly Range[];
  },
): Promise<Verification> => {
  demandSize(verifying.target, image.size);
  const segments = cutSegments(image.ranges);
  const pool = createSlotPool(4);
  const patched = patchRanges(image.patch);
  const { compare, result } = comparison(verifying, segments);
  const chunks = image.reader.chunks(decodedRanges(segments));
  for await (const base of assemble(chunks, segments, pool)) {
    const piece = await personalise(
      base,
      { patch: image.patch, patched },
      pool,
    );
    base.slot.release();
    try {
      await compare(piece.segment, (held) =>
        held.equals(piece.slot.bytes.subarray(0, held.length)),
      );
    } finally {
      piece.slot.release();
    }
  }
  return result();
};

/**
 * Compares the card with the checksums that its receipt recorded.
 * @throws UserError RECEIPT_UNREADABLE when it records a flash that failed; READBACK_DIFFERS when the card is too small
 */
export const verifyAgainstReceipt = async (
  verifying: Verifying,
  receipt: Receipt,
): Promise<Verification> => {
  if (receipt.content === undefined) {
    throw new UserError(
      "RECEIPT_UNREADABLE",
      `the receipt of ${receipt.time} records a flash that failed`,
      { hint: "flash the card again" },
    );
  }
  demandSize(verifying.target, receipt.image.size);
  const { ranges, sums } = contentIn(receipt.content, receipt.image.size) ?? {};
  const segments = ranges === undefined ? [] : cutSegments(ranges);
  if (sums === undefined || segments.length !== sums.length) {
    throw new UserError(
      "RECEIPT_UNREADABLE",
      `the receipt of ${receipt.time} contradicts itself`,
      {
        state: "nothing was written",
        hint: "compare the card with its image instead: pi-image verify TARGET IMAGE",
      },
    );
  }
  const { compare, result } = comparison(verifying, segments);
  for (const segment of segments) {
    await compare(segment, (held) => crc32(held) === sums[segment.index]);
  }
  return result();
};

/** The error for a card that does not hold what it should. */
export const verificationError = (
  path: string,
  differing: readonly Range[],
): UserError =>
  new UserError("READBACK_DIFFERS", `${path} does not hold the image`, {
    facts: failurePlaces(differing),
    state: "nothing was written",
    hint: "a card that has booted has changed by itself; one that has not should be flashed again",
  });
