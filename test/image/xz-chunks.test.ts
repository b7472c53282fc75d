// The fast ways through an .xz file give byte for byte what `xz -dc` gives, in a plan that fits the machine.
import { spawnSync } from "node:child_process";
import { open } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { normaliseRanges } from "../../src/image/range.ts";
import {
  planDecoding,
  xzChunks,
} from "../../src/image/archive/xz/xz-chunks.ts";
import { readXzIndex } from "../../src/image/archive/xz/xz-index.ts";
import { openXz } from "../../src/image/archive/xz/xz-reader.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  collect,
  expectSame,
  sampleImage,
  writeSample,
  xz,
} from "./archive-samples.ts";
import { randomXz, share } from "./random-xz.ts";
import { fc } from "../support/seeded.ts";

const plain = (path: string): Buffer =>
  spawnSync("xz", ["-dc", path], { maxBuffer: 2 ** 30 }).stdout;

const rangesOf = (size: number, pairs: readonly (readonly number[])[]) =>
  normaliseRanges(
    pairs.map(([a = 0, b = 0]) => {
      const offset = Math.floor(a * (size - 1));
      return { offset, length: Math.ceil(b * (size - offset) * 0.3) };
    }),
  );

describeWithTools(["xz"], "decoding an .xz file in parallel", () => {
  it("gives what xz -dc gives, whatever the blocks, runs and lanes", async () => {
    await fc.assert(
      fc.asyncProperty(
        randomXz,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 200_000 }),
        fc.array(fc.tuple(share, share), { maxLength: 6 }),
        async ({ image, bytes }, lanes, slots, runSize, pairs) => {
          const path = writeSample("a.xz", bytes);
          const file = await open(path, "r");
          const index = await readXzIndex(path, file);
          const chunks = (ranges?: ReturnType<typeof rangesOf>) =>
            collect(
              xzChunks({ path, file, index }, ranges, {
                lanes,
                slots,
                runSize,
              }),
              image.length,
            );
          expectSame(plain(path), image);
          expectSame(await chunks(), image);
          const ranges = rangesOf(image.length, pairs);
          const part = await chunks(ranges);
          for (const { offset, length } of ranges) {
            expectSame(
              part.subarray(offset, offset + length),
              image.subarray(offset, offset + length),
            );
          }
          await file.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it("decodes only the blocks that hold what is wanted", async () => {
    const image = sampleImage(40 * 4096);
    const path = writeSample("a.xz", xz(image, "--block-size=4KiB"));
    const reader = await openXz(path);
    const offsets: number[] = [];
    const ranges = [
      { offset: 4096, length: 1 },
      { offset: 3 * 4096 - 1, length: 2 },
      { offset: 20 * 4096, length: 4096 },
    ];
    for await (const { offset, data } of reader.chunks(ranges)) {
      offsets.push(offset / 4096, (offset + data.length) / 4096);
    }
    await reader.close();
    expect(offsets).toEqual([1, 4, 20, 21]);
  });
});

describe("the plan of decoding", () => {
  const MiB = 2 ** 20;
  const plans = (limit: number, ...sizes: number[]) =>
    sizes.map((size) => {
      const plan = planDecoding(size * MiB, limit);
      return plan === undefined
        ? "stream"
        : `${plan.lanes} lanes, ${plan.slots} slots, ${plan.runSize / MiB} MiB`;
    });

  it("uses every core for small blocks, and fewer for large ones", () => {
    expect(plans(4, 1, 8, 16, 24, 32, 192)).toEqual([
      "4 lanes, 6 slots, 4 MiB",
      "4 lanes, 6 slots, 4 MiB",
      "2 lanes, 3 slots, 4 MiB",
      "2 lanes, 2 slots, 4 MiB",
      "stream",
      "stream",
    ]);
    expect(plans(2, 1, 24)).toEqual([
      "2 lanes, 4 slots, 8 MiB",
      "2 lanes, 2 slots, 8 MiB",
    ]);
    expect(plans(1, 1, 40, 64)).toEqual([
      "1 lanes, 3 slots, 8 MiB",
      "1 lanes, 1 slots, 8 MiB",
      "stream",
    ]);
  });
});
