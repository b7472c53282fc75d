// Chunks of any size become the same segments, and no buffer is lost on the way.
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { assemble } from "../../src/flash/assemble.ts";
import { cutSegments, writeRanges } from "../../src/flash/segments.ts";
import { createSlotPool } from "../../src/flash/slots.ts";
import type { Range } from "../../src/image/range.ts";
import type { Chunk } from "../../src/image/reader.ts";
import { oldData } from "../device/loop.ts";
import { fc } from "../support/seeded.ts";

const MIB = 1024 ** 2;
const SIZE = 4 * MIB + 1536;
const BYTES = oldData(SIZE);

/** Ranges [0, 1 MiB) and two more, with gaps between. */
const RANGES: readonly Range[] = writeRanges(
  [
    { offset: 1.5 * MIB, length: 0.75 * MIB },
    { offset: 4 * MIB - 4096, length: 4096 + 1536 },
  ],
  SIZE,
);

async function* chunked(
  sizes: readonly number[],
  end = SIZE,
): AsyncGenerator<Chunk> {
  // One buffer for all: `data` belongs to the receiver only until it asks for more.
  const buffer = Buffer.alloc(2 * MIB);
  let turn = 0;
  for (let offset = 0; offset < end;) {
    const length = Math.min(sizes[turn % sizes.length] ?? 1, end - offset);
    turn += 1;
    const data = buffer.subarray(0, length);
    BYTES.copy(data, 0, offset, offset + length);
    yield { offset, data };
    buffer.fill(0xee);
    offset += length;
  }
}

const gather = async (chunks: AsyncIterable<Chunk>) => {
  const segments = cutSegments(RANGES);
  // Two slots for many segments: one that is not given back would stop everything.
  const pool = createSlotPool(2);
  const found = [];
  for await (const { segment, slot, sum } of assemble(chunks, segments, pool)) {
    const bytes = Buffer.from(slot.bytes.subarray(0, segment.length));
    const rest = slot.bytes.subarray(segment.length);
    expect(rest.equals(Buffer.alloc(rest.length))).toBe(true);
    expect(sum).toBe(crc32(bytes));
    found.push({ segment, bytes });
    slot.release();
  }
  expect(found.map(({ segment }) => segment)).toEqual(segments);
  return found;
};

describe("assemble", () => {
  test("gives the same segments whatever the chunks' sizes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 5000, max: 2 * MIB }), {
          minLength: 1,
          maxLength: 5,
        }),
        async (sizes) => {
          for (const { segment, bytes } of await gather(chunked(sizes))) {
            const { offset, length } = segment;
            const wanted = BYTES.subarray(offset, offset + length);
            expect(bytes.equals(wanted)).toBe(true);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test("calls an image damaged that ends early or leaves bytes out", async () => {
    await expect(gather(chunked([MIB], 4 * MIB))).rejects.toMatchObject({
      code: "IMAGE_DAMAGED",
      exitCode: 4,
    });
    const withHole = async function* () {
      yield { offset: 0, data: BYTES.subarray(0, MIB) };
      yield { offset: 2 * MIB, data: BYTES.subarray(2 * MIB) };
    };
    await expect(gather(withHole())).rejects.toMatchObject({
      code: "IMAGE_DAMAGED",
    });
  });

  test("reads the chunks to their end, where the decoder makes its last check", async () => {
    const failing = async function* () {
      yield* chunked([MIB]);
      throw new Error("wrong checksum");
    };
    await expect(gather(failing())).rejects.toThrow("wrong checksum");
  });
});
