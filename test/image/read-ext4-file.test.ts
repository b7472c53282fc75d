// Reading single files of ext4 with random layouts, compared with what debugfs reads.
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readExt4Files } from "../../src/image/ext4/read-ext4-file.ts";
import { bufferSource, openFileSource } from "../../src/image/source.ts";
import { describeWithTools } from "../support/tools.ts";
import { randomCases } from "./cases.ts";
import { extOptions, makeExt, makeTree, readExt } from "./ext4-fixture.ts";
import { temporaryFolder } from "./make-image.ts";
import { fc } from "../support/seeded.ts";

const LIMIT = 4 * 1024 * 1024;

const read = async (path: string, names: readonly string[], limit = LIMIT) => {
  const source = await openFileSource(path);
  try {
    return await readExt4Files(
      source,
      { offset: 0, length: source.size },
      names,
      limit,
    );
  } finally {
    await source.close();
  }
};

/** Folders of one block and of many, files inside of one extent and with holes. */
describeWithTools(
  ["mke2fs", "e2fsck", "debugfs", "dumpe2fs"],
  "a file of an ext4 that is not mounted",
  () => {
    test("is what debugfs reads, whatever the options of mke2fs", async () => {
      let compared = 0;
      await fc.assert(
        fc.asyncProperty(extOptions, fc.nat(1000), async (options, seed) => {
          const folder = temporaryFolder();
          const tree = join(folder, "tree");
          mkdirSync(tree);
          makeTree(tree, seed);
          const path = join(folder, "ext.img");
          fc.pre(await makeExt(path, options, tree));
          const out = join(folder, "out");
          const names = [...(await readExt(path, out)).keys()].filter(
            (name) => name !== "user.note" && name !== "lost+found",
          );
          const found = await read(path, names);
          if ("reason" in found) {
            // ext2, ext3 and data inside of inodes, which no base has.
            expect(found.reason).toMatch(/^its inode \d+ has no extents$/);
            expect(options.words.join(" ")).toMatch(/ext2|ext3|inline_data/);
            return;
          }
          for (const name of names) {
            const there = join(out, name);
            expect(
              found.files.get(name)?.toString("base64"),
              `${name} with ${options.words.join(" ")}`,
            ).toBe(
              lstatSync(there).isFile()
                ? readFileSync(there).toString("base64")
                : undefined,
            );
            compared += 1;
          }
        }),
        { numRuns: randomCases(10), maxSkipsPerRun: 20 },
      );
      expect(compared).toBeGreaterThan(100);
    });

    test("is left out where it is missing, and a reason where it is too long or the file system is damaged", async () => {
      const folder = temporaryFolder();
      const tree = join(folder, "tree");
      mkdirSync(tree);
      makeTree(tree, 3);
      const path = join(folder, "ext.img");
      const size = 16 * 1024 * 1024;
      await makeExt(path, { size, words: ["-t", "ext4", "-b", "1024"] }, tree);
      expect(
        await read(path, ["etc", "etc/none/x", "etc/hostname/x", "none"]),
      ).toEqual({ files: new Map() });
      expect(await read(path, ["etc/deep/er/large"], 1000)).toEqual({
        reason: expect.stringMatching(/^one of its files has \d+ bytes$/),
      });
      // Whatever a damaged or hostile file system says, there is an answer.
      const whole = readFileSync(path);
      const names = ["etc/hostname", "many/file-3", "etc/deep/er/large"];
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(400_000), fc.nat(255)), { minLength: 30 }),
          async (changes) => {
            const bytes = Buffer.from(whole);
            for (const [at, value] of changes) {
              bytes[at] = value;
            }
            const found = await readExt4Files(
              bufferSource(bytes),
              { offset: 0, length: size },
              names,
              LIMIT,
            );
            expect(Object.keys(found)).toHaveLength(1);
          },
        ),
        { numRuns: randomCases(100) },
      );
      expect(
        await readExt4Files(
          bufferSource(Buffer.alloc(4096)),
          { offset: 0, length: 4096 },
          names,
          LIMIT,
        ),
      ).toEqual({ reason: "it holds no ext4 file system" });
    });
  },
);
