// The short ways give what the plain way gives: an image read in parts from its archive, mapped, patched and decoded in
// ranges, against the same image as raw bytes.
import { createHash } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { diskIdOf } from "../../src/image/table/disk-identity.ts";
import { makeNodePatch, prepareBase } from "../../src/image/node-patch.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import {
  applyPatch,
  type Patch,
  patchedSource,
} from "../../src/image/patch.ts";
import { type Range, rangeEnd } from "../../src/image/range.ts";
import { bufferSource, type Source } from "../../src/image/source.ts";
import { extBytes, fatVolume, NOW } from "../fuzz/sample-volumes.ts";
import { describeWithTools } from "../support/tools.ts";
import { collect, expectSame, writeSample, xz } from "./archive-samples.ts";
import { randomCases } from "./cases.ts";
import { makeMbr } from "./make-image.ts";
import { fc } from "../support/seeded.ts";

const START = 4096;

type Made = {
  readonly ranges: readonly Range[];
  readonly notes: readonly string[];
  readonly patch: Patch;
};

/** What a build makes of a base. */
const make = async (source: Source): Promise<Made> => {
  const { patch } = await makeNodePatch(await prepareBase(source), {
    files: [{ name: "user-data", data: Buffer.alloc(9000, "seed ") }],
    bootSettings: { config: [], cmdline: ["cgroup_enable=memory"] },
    diskId: diskIdOf("fast"),
    now: NOW,
  });
  return { ...(await mapUsed(patchedSource(source, patch))), patch };
};

describeWithTools(["xz", "mkfs.vfat", "mke2fs"], "the short ways", () => {
  let clean: Buffer;

  beforeAll(async () => {
    const fat = await fatVolume(1);
    const ext = extBytes("-b", "1024", "-g", "1024");
    clean = Buffer.concat([Buffer.alloc(START), fat, ext]);
    clean.set(
      makeMbr([
        { type: 0x0c, offset: START, length: fat.length },
        { type: 0x83, offset: START + fat.length, length: ext.length },
      ]),
    );
  });

  /** The same file systems, with old content in what they do not use. */
  const withRubbish = async (seed: number): Promise<Buffer> => {
    const { ranges } = await mapUsed(bufferSource(clean));
    const noise = createHash("sha512").update(String(seed)).digest();
    const image = Buffer.alloc(clean.length, noise);
    for (const range of ranges) {
      clean.copy(image, range.offset, range.offset, rangeEnd(range));
    }
    return image;
  };

  it("lead to the same image, whatever the blocks of the archive", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 4096, max: 600_000 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        async (seed, blockSize, share) => {
          const image = await withRubbish(seed);
          const cut = Math.floor(image.length * share);
          const path = writeSample(
            "base.img.xz",
            Buffer.concat([
              xz(image.subarray(0, cut), `--block-size=${blockSize}`),
              xz(image.subarray(cut), "--block-size=100000", "-0"),
            ]),
          );
          const reader = await openImage(path);
          const plain = await make(bufferSource(image));
          expect(plain.notes).toEqual([]);
          expect(reader.source).toBeDefined();
          const fast = await make(reader.source ?? bufferSource(image));
          expect(fast).toEqual(plain);
          // Only the ranges come, and with the patch they are the node's image.
          const whole = Buffer.from(image);
          applyPatch(plain.patch, 0, whole);
          const part = await collect(reader.chunks(plain.ranges), image.length);
          applyPatch(plain.patch, 0, part);
          for (const range of plain.ranges) {
            expectSame(
              part.subarray(range.offset, rangeEnd(range)),
              whole.subarray(range.offset, rangeEnd(range)),
            );
          }
          await reader.close();
        },
      ),
      { numRuns: randomCases(6) },
    );
  });
});
