// The block map of ext4 with random layouts: what it keeps, on top of random old data, is the whole truth.
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import {
  alignRanges,
  normaliseRanges,
  totalLength,
} from "../../src/image/range.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import {
  START,
  imageAround,
  writeOverGarbage,
  expectNormalised,
  throughMap,
} from "./card-fixture.ts";
import { randomCases } from "./cases.ts";
import {
  extOptions,
  fsckExt,
  makeEmptyExt,
  makeExt,
  makeTree,
  readExt,
  usedByDumpe2fs,
} from "./ext4-fixture.ts";
import { temporaryFolder } from "./make-image.ts";
import { fc, seededBytes } from "../support/seeded.ts";

describeWithTools(
  ["mke2fs", "e2fsck", "debugfs", "dumpe2fs"],
  "the block map of ext4",
  () => {
    test("keeps all of a file system with random mke2fs options, and not the rest", async () => {
      let mapped = 0;
      await fc.assert(
        fc.asyncProperty(extOptions, fc.nat(1000), async (options, seed) => {
          const folder = temporaryFolder();
          const tree = join(folder, "tree");
          mkdirSync(tree);
          makeTree(tree, seed);
          const path = join(folder, "ext.img");
          fc.pre(await makeExt(path, options, tree));
          const image = await imageAround(path, 0x83);
          const { ranges, notes } = await mapUsed(image);
          expectNormalised(ranges, image.size);
          expect(notes).toEqual([]);
          expect(totalLength(ranges)).toBeLessThan(image.size);
          const used = await usedByDumpe2fs(path);
          expect(ranges).toEqual(
            normaliseRanges([
              { offset: 0, length: START },
              ...alignRanges(
                used.map((range) => ({
                  ...range,
                  offset: range.offset + START,
                })),
                4096,
                image.size,
              ),
            ]),
          );
          const card = join(folder, "card.img");
          await writeOverGarbage(image, ranges, card);
          expect(await fsckExt(card)).toBe("");
          expect(await readExt(card, join(folder, "after"))).toEqual(
            await readExt(path, join(folder, "before")),
          );
          mapped += 1;
        }),
        { numRuns: randomCases(10), maxSkipsPerRun: 20 },
      );
      expect(mapped).toBeGreaterThan(0);
    });
  },
);

describeAsRoot(
  ["mke2fs", "e2fsck", "debugfs", "mount"],
  "the block map of a file system that a kernel wrote",
  () => {
    test("keeps files that were written, grown and removed while mounted", async () => {
      const folder = temporaryFolder();
      const path = join(folder, "ext.img");
      await makeEmptyExt(path, 48, ["-O", "64bit,metadata_csum"]);
      const mounted = join(folder, "mnt");
      mkdirSync(mounted);
      await runTool("mount", ["-o", "loop", path, mounted]);
      try {
        makeTree(mounted, 5);
        for (let index = 0; index < 150; index += 2) {
          rmSync(join(mounted, `many/file-${index}`));
        }
        appendFileSync(
          join(mounted, "etc/deep/er/large"),
          seededBytes(3_000_000, "large"),
        );
      } finally {
        await runTool("umount", [mounted]);
      }
      const card = await throughMap(path, 0x83);
      expect(await fsckExt(card)).toBe("");
      expect(await readExt(card, join(folder, "after"))).toEqual(
        await readExt(path, join(folder, "before")),
      );
    });
  },
);

describeWithTools(
  ["mke2fs", "e2fsck", "debugfs"],
  "the judges of the block map",
  () => {
    test("see a used range that is missing", async () => {
      const folder = temporaryFolder();
      const tree = join(folder, "tree");
      mkdirSync(tree);
      makeTree(tree, 1);
      const path = join(folder, "ext.img");
      await makeExt(
        path,
        { size: 24 * START, words: ["-O", "metadata_csum"] },
        tree,
      );
      const image = await imageAround(path, 0x83);
      const { ranges } = await mapUsed(image);
      const card = join(folder, "card.img");
      const before = await readExt(path, join(folder, "before"));
      const inPartition = ranges.filter((range) => range.offset >= START);
      const halves = inPartition.map((range) => ({
        offset: range.offset,
        length: Math.ceil(range.length / 8192) * 4096,
      }));
      for (const [index, half] of halves.entries()) {
        await writeOverGarbage(image, inPartition.with(index, half), card);
        const sound = (await fsckExt(card)) === "";
        const after = await readExt(card, join(folder, `after-${index}`));
        expect(sound && isDeepStrictEqual(after, before)).toBe(false);
      }
      expect(halves.length).toBeGreaterThan(0);
    });
  },
);
