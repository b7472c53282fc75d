// A card full of random old data, written with no more than what a block map keeps.
import { open } from "node:fs/promises";
import { expect } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import type { Range } from "../../src/image/range.ts";
import type { Source } from "../../src/image/source.ts";
import { behindPrefix, makeMbr, openForTest } from "./make-image.ts";
import { seededBytes } from "../support/seeded.ts";

export const START = 1024 * 1024;
const GARBAGE = seededBytes(START, "garbage");

/** An image with one partition, which is the file `path`. */
export const imageAround = async (
  path: string,
  type: number,
): Promise<Source> => {
  const partition = await openForTest(path);
  const prefix = Buffer.alloc(START);
  prefix.set(makeMbr([{ type, offset: START, length: partition.size }]));
  return behindPrefix(prefix, partition);
};

/** The partition as it is on a card full of old data after the ranges were written. */
export const writeOverGarbage = async (
  image: Source,
  ranges: readonly Range[],
  path: string,
): Promise<void> => {
  const handle = await open(path, "w");
  try {
    for (let at = START; at < image.size; at += GARBAGE.length) {
      const length = Math.min(GARBAGE.length, image.size - at);
      await handle.write(GARBAGE, 0, length, at - START);
    }
    for (const range of ranges) {
      const offset = Math.max(range.offset, START);
      const length = range.offset + range.length - offset;
      if (length > 0) {
        await handle.write(
          await image.read(offset, length),
          0,
          length,
          offset - START,
        );
      }
    }
  } finally {
    await handle.close();
  }
};

export const expectNormalised = (
  ranges: readonly Range[],
  size: number,
): void => {
  let end = -1;
  for (const range of ranges) {
    expect(range.offset).toBeGreaterThan(end);
    expect(range.offset % 4096).toBe(0);
    end = range.offset + range.length;
    expect(end % 4096 === 0 || end === size).toBe(true);
  }
  expect(end).toBeLessThanOrEqual(size);
};

/** Maps the partition in `path`, writes what the map keeps over old data, and returns that card's partition. */
export const throughMap = async (
  path: string,
  type: number,
): Promise<string> => {
  const image = await imageAround(path, type);
  const { ranges, notes } = await mapUsed(image);
  expect(notes).toEqual([]);
  const card = `${path}.card`;
  await writeOverGarbage(image, ranges, card);
  return card;
};
