// .xz files of random make, as a property's arbitrary.
import { sampleImage, xz } from "./archive-samples.ts";
import { fc } from "../support/seeded.ts";

/** An .xz file of random streams, block sizes and checks; the image has whole sectors. */
export const randomXz = fc
  .record({
    sectors: fc.integer({ min: 2, max: 600 }),
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    blocks: fc.tuple(
      fc.integer({ min: 4096, max: 70_000 }),
      fc.integer({ min: 4096, max: 70_000 }),
    ),
    checks: fc.tuple(
      fc.constantFrom("crc32", "crc64"),
      fc.constantFrom("crc64", "sha256"),
    ),
    padding: fc.constantFrom(0, 4, 512),
  })
  .map(({ sectors, seed, cut, blocks, checks, padding }) => {
    const image = sampleImage(sectors * 512, seed);
    const at = Math.floor(image.length * cut);
    const stream = (part: Buffer, which: 0 | 1) =>
      xz(part, `--block-size=${blocks[which]}`, `--check=${checks[which]}`);
    return {
      image,
      bytes: Buffer.concat([
        stream(image.subarray(0, at), 0),
        Buffer.alloc(padding),
        stream(image.subarray(at), 1),
      ]),
    };
  });

/** A place or a length, as a part of the whole. */
export const share = fc.double({ min: 0, max: 1, noNaN: true });
