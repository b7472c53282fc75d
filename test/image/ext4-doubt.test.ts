// When ext4 metadata cannot be trusted: the block map keeps the partition whole and says why.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { totalLength } from "../../src/image/range.ts";
import { bufferSource } from "../../src/image/source.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { START, imageAround, expectNormalised } from "./card-fixture.ts";
import { randomCases } from "./cases.ts";
import { firstBitmap, makeEmptyExt } from "./ext4-fixture.ts";
import {
  behindPrefix,
  makeMbr,
  temporaryFolder,
  writeAt,
} from "./make-image.ts";
import { fc } from "../support/seeded.ts";

const WITHOUT_CHECKSUMS = ["-b", "1024", "-O", "^metadata_csum,^uninit_bg"];

describeWithTools(
  ["mke2fs", "debugfs", "e2fsck"],
  "a Linux partition that cannot be trusted",
  () => {
    const WHOLE = 16 * START;
    const doubts: readonly (readonly [
      string,
      RegExp,
      (path: string) => Promise<unknown>,
    ])[] = [
      [
        "a journal that was not replayed",
        /not unmounted cleanly/,
        (path) =>
          runTool("debugfs", ["-w", "-R", "feature needs_recovery", path]),
      ],
      [
        "errors seen by the kernel",
        /not unmounted cleanly/,
        (path) => runTool("debugfs", ["-w", "-R", "ssv state 3", path]),
      ],
      [
        "an unknown feature",
        /features/,
        (path) =>
          runTool("debugfs", [
            "-w",
            "-R",
            "ssv feature_incompat 0x800002c2",
            path,
          ]),
      ],
      [
        "a journal elsewhere",
        /journal/,
        (path) => runTool("debugfs", ["-w", "-R", "ssv journal_inum 0", path]),
      ],
      [
        "a superblock with a wrong checksum",
        /checksum of its superblock/,
        (path) => writeAt(path, 1024 + 0x78, Buffer.from("other")),
      ],
      [
        "a descriptor with a wrong checksum",
        /checksum of its group 1/,
        (path) => writeAt(path, 2048 + 64 + 0x10, Buffer.from([9, 9])),
      ],
      [
        "a bitmap with a wrong checksum",
        /block bitmap of its group 0/,
        (path) => writeAt(path, firstBitmap(path) + 900, Buffer.from([0xff])),
      ],
      [
        "another file system on top",
        /something other than ext4/,
        (path) => writeAt(path, 0, Buffer.from("LUKS\xba\xbe")),
      ],
      [
        "no file system",
        /no ext4/,
        (path) => writeAt(path, 1024, Buffer.alloc(1024)),
      ],
      [
        "a size beyond the partition",
        /contradicts/,
        (path) =>
          runTool("debugfs", ["-w", "-R", "ssv blocks_count 99999999", path]),
      ],
      [
        "no blocks in a group",
        /contradicts/,
        (path) =>
          runTool("debugfs", ["-w", "-R", "ssv blocks_per_group 0", path]),
      ],
    ];
    test.each(doubts)("is kept whole: %s", async (_, reason, spoil) => {
      const path = join(temporaryFolder(), "ext.img");
      await makeEmptyExt(path, 16, ["-b", "1024", "-O", "metadata_csum,64bit"]);
      const before = await mapUsed(await imageAround(path, 0x83));
      expect(before.notes).toEqual([]);
      expect(totalLength(before.ranges)).toBeLessThan(WHOLE / 2);
      await spoil(path);
      const { ranges, notes } = await mapUsed(await imageAround(path, 0x83));
      expect(notes).toEqual([
        expect.stringMatching(/^partition 1 is kept whole: /),
      ]);
      expect(notes[0]).toMatch(reason);
      expect(ranges).toEqual([{ offset: 0, length: START + WHOLE }]);
    });

    test("without checksums: is kept whole when the counts of free blocks differ", async () => {
      const path = join(temporaryFolder(), "ext.img");
      await makeEmptyExt(path, 16, WITHOUT_CHECKSUMS);
      await writeAt(path, firstBitmap(path) + 900, Buffer.from([0x01]));
      const { notes } = await mapUsed(await imageAround(path, 0x83));
      expect(notes[0]).toMatch(/count of free blocks/);
    });

    test("never makes the map crash, whatever bytes the metadata has", async () => {
      const path = join(temporaryFolder(), "ext.img");
      await makeEmptyExt(path, 16, WITHOUT_CHECKSUMS);
      const bytes = readFileSync(path);
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(fc.integer({ min: 1024, max: 3000 }), fc.nat(255)),
            { minLength: 1, maxLength: 6 },
          ),
          async (changes) => {
            const damaged = Buffer.from(bytes);
            for (const [at, value] of changes) {
              damaged[at] = value;
            }
            const prefix = makeMbr([
              { type: 0x83, offset: 512, length: damaged.length },
            ]);
            const image = behindPrefix(prefix, bufferSource(damaged));
            const { ranges } = await mapUsed(image);
            expectNormalised(ranges, image.size);
          },
        ),
        { numRuns: randomCases(200) },
      );
    });
  },
);
