// How an image is cut: nothing lost, nothing twice, nothing across a MiB.
import { describe, expect, test } from "vitest";
import {
  normaliseRanges,
  type Range,
  rangeEnd,
} from "../../src/image/range.ts";
import {
  cutSegments,
  decodedRanges,
  SEGMENT_BYTES,
  touches,
  writeRanges,
} from "../../src/flash/segments.ts";
import { fc } from "../support/seeded.ts";

const MIB = 1024 ** 2;

const image = fc
  .record({
    blocks: fc.integer({ min: 1, max: 3000 }),
    rest: fc.integer({ min: 0, max: 4095 }),
    used: fc.array(
      fc.record({
        offset: fc.integer({ min: 0, max: 12 * MIB }),
        length: fc.integer({ min: 0, max: 2 * MIB }),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ blocks, rest, used }) => {
    const size = blocks * 4096 + rest;
    const inside = used
      .filter(({ offset }) => offset < size)
      .map(({ offset, length }) => ({
        offset,
        length: Math.min(length, size - offset),
      }));
    return { size, used: normaliseRanges(inside) };
  });

const covers = (ranges: readonly Range[], part: Range): boolean =>
  ranges.some(
    (range) => range.offset <= part.offset && rangeEnd(part) <= rangeEnd(range),
  );

describe("writeRanges", () => {
  test("covers every used byte and the first MiB, in whole blocks", () => {
    fc.assert(
      fc.property(image, ({ size, used }) => {
        const ranges = writeRanges(used, size);
        expect(normaliseRanges(ranges)).toEqual(ranges);
        expect(covers(ranges, { offset: 0, length: Math.min(MIB, size) })).toBe(
          true,
        );
        for (const part of used) {
          expect(covers(ranges, part)).toBe(true);
        }
        for (const { offset, length } of ranges) {
          expect(offset % 4096).toBe(0);
          const end = offset + length;
          expect(end % 4096 === 0 || end === size).toBe(true);
        }
      }),
    );
  });

  test("fills small gaps and keeps large ones, and knows nothing without a map", () => {
    expect(
      writeRanges(
        [
          { offset: 2 * MIB, length: 4096 },
          { offset: 2 * MIB + 65_536, length: 1 },
          { offset: 4 * MIB, length: 10 },
        ],
        8 * MIB,
      ),
    ).toEqual([
      { offset: 0, length: MIB },
      { offset: 2 * MIB, length: 65_536 + 4096 },
      { offset: 4 * MIB, length: 4096 },
    ]);
    expect(
      writeRanges([], 8 * MIB, [
        [{ offset: 5 * MIB + 1, data: Buffer.alloc(4096) }],
      ]),
    ).toContainEqual({ offset: 5 * MIB, length: 8192 });
    expect(writeRanges(undefined, 10)).toEqual([{ offset: 0, length: 10 }]);
  });
});

describe("cutSegments", () => {
  test("cuts every byte of the ranges once", () => {
    fc.assert(
      fc.property(image, ({ size, used }) => {
        const ranges = writeRanges(used, size);
        const segments = cutSegments(ranges);
        expect(decodedRanges(segments)).toEqual(ranges);
        expect(
          normaliseRanges(
            segments.map(({ offset, length }) => ({ offset, length })),
          ),
        ).toEqual(ranges);
        let end = 0;
        for (const [index, segment] of segments.entries()) {
          expect(segment.index).toBe(index);
          expect(segment.offset).toBeGreaterThanOrEqual(end);
          end = rangeEnd(segment);
          expect(Math.floor(segment.offset / SEGMENT_BYTES)).toBe(
            Math.floor((end - 1) / SEGMENT_BYTES),
          );
        }
        expect(segments[0]).toMatchObject({
          offset: 0,
          length: Math.min(MIB, size),
        });
      }),
    );
  });
});

test("touches sees one shared byte and no neighbour", () => {
  const segment = { index: 1, offset: MIB, length: MIB };
  expect(touches([{ offset: 2 * MIB - 1, length: 9 }], segment)).toBe(true);
  expect(touches([{ offset: 2 * MIB, length: 9 }], segment)).toBe(false);
  expect(touches([{ offset: 0, length: MIB }], segment)).toBe(false);
});
