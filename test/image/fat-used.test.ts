// The block map of FAT32: what it keeps, on top of random old data, is the whole truth.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { editFat } from "../../src/image/fat/edit-fat.ts";
import { patchedSource } from "../../src/image/patch.ts";
import { totalLength } from "../../src/image/range.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  START,
  imageAround,
  writeOverGarbage,
  expectNormalised,
} from "./card-fixture.ts";
import { randomCases } from "./cases.ts";
import { NOW, openFat, SMALL_FAT } from "./fat-fixture.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { makeFat, temporaryFolder, writeAt } from "./make-image.ts";
import { fc, seededBytes } from "../support/seeded.ts";

describeWithTools(
  ["mkfs.vfat", "fsck.vfat", "mcopy"],
  "the block map of FAT32",
  () => {
    test("keeps every cluster in use, those of a patch as well", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(1, 1, 2),
          fc.constantFrom(1, 2),
          fc.nat(5000),
          async (clusterSectors, copies, extra) => {
            const folder = temporaryFolder();
            const path = join(folder, "fat.img");
            const size =
              Math.ceil((SMALL_FAT * clusterSectors + extra * 512) / 512) * 512;
            await makeFat(path, { size, clusterSectors, copies });
            await writeAt(
              `${path}.bin`,
              0,
              seededBytes(400_000 + extra, "file"),
            );
            for (const name of ["vmlinuz", "initrd.img", "old", "config.txt"]) {
              await runTool("mcopy", ["-i", path, `${path}.bin`, `::/${name}`]);
            }
            await runTool("mdel", ["-i", path, "::/initrd.img"]);
            const { fat, offset } = await openFat(path);
            expect(offset).toBe(START);
            const { patch } = await editFat(fat, NOW, (volume) => {
              volume.writeFile("user-data", Buffer.alloc(30_000, 5));
              volume.writeFile("config.txt", Buffer.alloc(600_000, 6));
              volume.remove("old");
            });
            const image = patchedSource(await imageAround(path, 0x0c), patch);
            const { ranges, notes } = await mapUsed(image);
            expect(notes).toEqual([]);
            expectNormalised(ranges, image.size);
            expect(totalLength(ranges)).toBeLessThan(image.size / 4);
            const card = join(folder, "card.img");
            await writeOverGarbage(image, ranges, card);
            expect(await fsckFat(card)).toBe("");
            const whole = join(folder, "whole.img");
            await writeOverGarbage(
              image,
              [{ offset: 0, length: image.size }],
              whole,
            );
            expect(
              await readWithMtools(card, 0, join(folder, "after")),
            ).toEqual(await readWithMtools(whole, 0, join(folder, "before")));
          },
        ),
        { numRuns: randomCases(3) },
      );
    });

    test("keeps the partition whole when its FAT copies differ or it is not FAT32", async () => {
      const path = join(temporaryFolder(), "fat.img");
      await makeFat(path, { size: SMALL_FAT, clusterSectors: 1 });
      const secondCopy = (32 + readFileSync(path).readUInt32LE(36)) * 512;
      await writeAt(path, secondCopy + 4096, Buffer.from([1]));
      const differ = await mapUsed(await imageAround(path, 0x0c));
      expect(differ.notes).toEqual([
        "partition 1 is kept whole: the copies of its file allocation table differ",
      ]);
      expect(differ.ranges).toEqual([{ offset: 0, length: START + SMALL_FAT }]);
      await runTool("mkfs.vfat", ["-F", "16", path]);
      const fat16 = await mapUsed(await imageAround(path, 0x0c));
      expect(fat16.notes).toEqual([
        "partition 1 is kept whole: it holds FAT16",
      ]);
    });
  },
);
