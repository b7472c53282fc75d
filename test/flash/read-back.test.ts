// Which segments the last look reads.
import { expect, test } from "vitest";
import { sampleOf } from "../../src/flash/read-back.ts";
import { cutSegments } from "../../src/flash/segments.ts";

const MIB = 1024 ** 2;

test.each([0, 1, 2, 63, 64, 65, 4000])(
  "%i segments: the first, the last and an even spread",
  (count) => {
    const segments = cutSegments([{ offset: 0, length: count * MIB }]);
    const sample = sampleOf(segments);
    expect(sample.length).toBe(Math.min(count, 64));
    expect(sample[0]).toBe(segments[0]);
    expect(sample.at(-1)).toBe(segments.at(-1));
    const gaps = sample
      .slice(1)
      .map(({ index }, at) => index - (sample[at]?.index ?? 0));
    expect(Math.max(0, ...gaps)).toBeLessThanOrEqual(Math.ceil(count / 63));
  },
);
