// Reading an .xz file at any place gives byte for byte what was compressed, and what is damaged is named.
import { expect, it } from "vitest";
import { openXz } from "../../src/image/archive/xz/xz-reader.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { expectSame, sampleImage, writeSample, xz } from "./archive-samples.ts";
import { randomXz, share } from "./random-xz.ts";
import { fc } from "../support/seeded.ts";

describeWithTools(["xz"], "reading an .xz file at any place", () => {
  it("gives the bytes of the image", async () => {
    await fc.assert(
      fc.asyncProperty(
        randomXz,
        fc.array(fc.tuple(share, share), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async ({ image, bytes }, pairs, together) => {
          const reader = await openXz(writeSample("a.xz", bytes));
          const source = reader.source;
          if (source === undefined) {
            // Both halves fit into one block.
            expect(image.length).toBeLessThan(140_000);
            await reader.close();
            return;
          }
          const reads = pairs.map(([a, b]) => {
            const offset = Math.floor(a * image.length);
            const length = Math.floor(b * (image.length - offset));
            return { offset, length };
          });
          const check = async (read: (typeof reads)[number]) => {
            expectSame(
              await source.read(read.offset, read.length),
              image.subarray(read.offset, read.offset + read.length),
            );
          };
          if (together) {
            await Promise.all(reads.map(check));
          } else {
            for (const read of reads) {
              await check(read);
            }
          }
          await reader.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("gives bytes that the receiver may change", async () => {
    const image = sampleImage(8 * 4096);
    const reader = await openXz(
      writeSample("a.xz", xz(image, "--block-size=4KiB")),
    );
    const first = await reader.source?.read(0, 9000);
    first?.fill(0);
    const again = await reader.source?.read(0, 9000);
    expectSame(again ?? Buffer.alloc(0), image.subarray(0, 9000));
    await reader.close();
  });

  it("refuses to go beyond the end, and goes on after damage", async () => {
    const image = sampleImage(8 * 4096);
    const bytes = xz(image, "--block-size=4KiB");
    // The index takes some 40 bytes; the block in front of it is the last one.
    const at = bytes.length - 80;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const reader = await openXz(writeSample("a.xz", bytes));
    await expect(reader.source?.read(8 * 4096 - 1, 2)).rejects.toThrow(
      RangeError,
    );
    for (const _ of [1, 2]) {
      const error = await failureOf(
        reader.source?.read(0, image.length) ?? Promise.resolve(),
      );
      expect(error.message).toContain("block 8 of 8");
    }
    expectSame(
      (await reader.source?.read(0, 4096)) ?? Buffer.alloc(0),
      image.subarray(0, 4096),
    );
    await reader.close();
  });
});
