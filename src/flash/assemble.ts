// Gathers decoded chunks into whole segments in aligned memory, each with its checksum.
import { crc32 } from "node:zlib";
import type { Chunk } from "../image/reader.ts";
import { UserError } from "../report/user-error.ts";
import { SEGMENT_BYTES, type Segment } from "./segments.ts";
import type { BufferSlot, SlotPool } from "./slots.ts";

/** A segment's bytes. Whoever gets it releases its slot. */
export type Piece = {
  readonly segment: Segment;
  readonly slot: BufferSlot;
  /** CRC-32 of the segment's bytes. */
  readonly sum: number;
};

export const pieceOf = (segment: Segment, slot: BufferSlot): Piece => ({
  segment,
  slot,
  sum: crc32(slot.bytes.subarray(0, segment.length)),
});

const tooShort = (offset: number): UserError =>
  new UserError(
    "IMAGE_DAMAGED",
    `the image is cut short: its block map lists data at byte ${offset.toLocaleString("en-US")}`,
    { hint: "download or build the image again" },
  );

/**
 * Gives every segment once, in ascending order. A piece that is not taken over leaks its slot, so take each one.
 * @param chunks at least the bytes of the segments, in ascending order
 * @param segments in ascending order
 * @throws UserError IMAGE_DAMAGED when the chunks end too early
 */
export const assemble = async function* (
  chunks: AsyncIterable<Chunk>,
  segments: readonly Segment[],
  pool: SlotPool,
): AsyncGenerator<Piece, void, void> {
  let next = 0;
  let slot: BufferSlot | undefined;
  let filled = 0;
  try {
    for await (const { offset, data } of chunks) {
      for (;;) {
        const segment = segments[next];
        if (segment === undefined) {
          break;
        }
        const wanted = segment.offset + filled;
        const from = wanted - offset;
        if (from >= data.length) {
          break;
        }
        if (from < 0) {
          throw tooShort(wanted);
        }
        slot ??= await pool.acquire();
        const part = data.subarray(from, from + segment.length - filled);
        slot.bytes.set(part, filled);
        filled += part.length;
        if (filled < segment.length) {
          break;
        }
        // The last segment is written with the rest of its block, which must not hold another segment's bytes.
        slot.bytes.fill(0, filled, SEGMENT_BYTES);
        const piece = pieceOf(segment, slot);
        next += 1;
        slot = undefined;
        filled = 0;
        yield piece;
      }
    }
    const missing = segments[next];
    if (missing !== undefined) {
      throw tooShort(missing.offset + filled);
    }
  } finally {
    slot?.release();
  }
};
