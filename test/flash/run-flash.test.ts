// The whole way on loop devices full of old data, judged by the file systems' own checkers.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applyPatch, type Patch } from "../../src/image/patch.ts";
import { type Range, rangeEnd } from "../../src/image/range.ts";
import { invertRanges } from "../image/gaps.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  attachLoop,
  oldData,
  oldFile,
  run,
  temporaryFolder,
} from "../device/loop.ts";
import { flash, only } from "./flash-run.ts";
import {
  BOOT,
  IMAGE_SIZE,
  makeSampleImage,
  ROOT,
  SAMPLE_TOOLS,
} from "./sample-image.ts";
import { asDisk } from "../support/as-disk.ts";

const MIB = 1024 ** 2;

const cut = (bytes: Buffer, { offset, length }: Range): Buffer =>
  bytes.subarray(offset, offset + length);

const check = (folder: string, card: Buffer): void => {
  const boot = join(folder, "card-boot");
  writeFileSync(boot, cut(card, BOOT));
  run("fsck.vfat", "-n", boot);
  const root = join(folder, "card-root");
  writeFileSync(root, cut(card, ROOT));
  run("e2fsck", "-fn", root);
};

describeAsRoot(
  [...SAMPLE_TOOLS, "losetup", "lsblk", "e2fsck", "fsck.vfat", "wipefs"],
  "flashImage",
  () => {
    /** A card with a life behind it: random bytes and a GPT with its backup at the end. */
    const usedCard = (folder: string, name = "card", size = 64 * MIB) => {
      const file = oldFile(join(folder, name), size);
      const device = attachLoop(file);
      run(
        "sh",
        "-c",
        `printf 'label: gpt\n,\n' | sfdisk --quiet --no-reread --no-tell-kernel --wipe never ${device}`,
      );
      expect(run("wipefs", "--noheadings", device)).toContain("gpt");
      return { device, content: () => readFileSync(file) };
    };

    test("writes what the file systems use, and leaves them whole on a used card", async () => {
      const folder = temporaryFolder();
      const image = makeSampleImage(folder);
      const card = usedCard(folder);
      const flashed = await flash({
        image,
        targets: [{ path: card.device }],
      });
      const result = only(flashed);
      expect(result.error).toBeUndefined();
      expect(result).toMatchObject({ readBack: "medium", rewritten: 0 });
      expect(result.bytesWritten).toBeLessThan(IMAGE_SIZE / 2);
      expect(result.bytesReadBack).toBeGreaterThanOrEqual(result.bytesWritten);

      const wanted = readFileSync(image);
      const held = card.content();
      for (const range of flashed.ranges) {
        expect(cut(held, range).equals(cut(wanted, range))).toBe(true);
      }
      // The judge can fail: old data is still where nobody wrote, so a range that is missing would be seen.
      const [gap] = invertRanges(flashed.ranges, IMAGE_SIZE);
      expect(gap).toBeDefined();
      expect(cut(held, gap ?? BOOT).equals(cut(wanted, gap ?? BOOT))).toBe(
        false,
      );
      check(folder, held);
      const broken = Buffer.from(held);
      oldData(64 * 1024).copy(broken, ROOT.offset + 1024);
      expect(() => check(folder, broken)).toThrow();

      expect(run("wipefs", "--noheadings", card.device)).toMatch(/\bdos\b/);
      expect(run("wipefs", "--noheadings", card.device)).not.toContain("gpt");
      expect(held.subarray(-MIB).equals(Buffer.alloc(MIB))).toBe(true);

      const proven = flashed.events.filter(({ type }) => type === "progress");
      expect(proven.at(-1)).toMatchObject({
        phase: "flash",
        subject: card.device,
      });
    });

    test("equals the image byte for byte after a wipe", async () => {
      const folder = temporaryFolder();
      const image = makeSampleImage(folder);
      const card = usedCard(folder);
      const result = only(
        await flash({
          image,
          targets: [{ path: card.device }],
          wipe: true,
        }),
      );
      expect(result.error).toBeUndefined();
      const held = card.content().subarray(0, IMAGE_SIZE);
      expect(held.equals(readFileSync(image))).toBe(true);
    });

    test("discards what was there, where the device can", async () => {
      const folder = temporaryFolder();
      const card = usedCard(folder);
      const image = makeSampleImage(folder);
      const flashed = await flash({
        image,
        targets: [{ path: card.device }],
        discard: true,
      });
      expect(only(flashed).error).toBeUndefined();
      check(folder, card.content());
      expect(
        cut(card.content(), { offset: 60 * MIB, length: MIB }).equals(
          Buffer.alloc(MIB),
        ),
      ).toBe(true);
    });

    test("gives each of several targets its own patch, from one decode", async () => {
      const folder = temporaryFolder();
      const image = makeSampleImage(folder);
      const patchOf = (word: string): Patch => [
        { offset: 440, data: Buffer.from(word) },
        { offset: 5 * MIB - 7, data: Buffer.from(`${word} in the boot files`) },
        { offset: IMAGE_SIZE - 100, data: Buffer.from(word) },
      ];
      const cards = ["ana", "bob", "eve"].map((word) => ({
        patch: patchOf(word),
        card: usedCard(folder, word),
      }));
      let decodes = 0;
      const { results } = await flash({
        image,
        used: "everything",
        targets: cards.map(({ patch, card }) => ({ path: card.device, patch })),
        wrapReader: (reader) => ({
          ...reader,
          chunks: (ranges) => {
            decodes += 1;
            return reader.chunks(ranges);
          },
        }),
      });
      expect(decodes).toBe(1);
      expect(results.map(({ error }) => error)).toEqual(
        cards.map(() => undefined),
      );
      for (const { patch, card } of cards) {
        const wanted = readFileSync(image);
        applyPatch(patch, 0, wanted);
        expect(card.content().subarray(0, IMAGE_SIZE).equals(wanted)).toBe(
          true,
        );
      }
    });

    test("writes a regular file: a new one equals the image, a larger one keeps its size", async () => {
      const folder = temporaryFolder();
      const image = makeSampleImage(folder);
      const created = join(folder, "new.img");
      const larger = oldFile(join(folder, "larger.img"), 64 * MIB);
      const { results } = await flash({
        image,
        targets: [{ path: created }, { path: larger }],
        discard: true,
      });
      expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect(statSync(created).size).toBe(IMAGE_SIZE);
      check(folder, readFileSync(created));
      expect(statSync(larger).size).toBe(64 * MIB);
      check(folder, readFileSync(larger));
    });

    test("fits an image that ends inside a block onto a card of exactly that size", async () => {
      const folder = temporaryFolder();
      // 512-byte sectors: neither a whole MiB nor whole 4096-byte blocks.
      const size = 3 * MIB + 5 * 512;
      const bytes = oldData(size);
      asDisk(bytes);
      const image = join(folder, "odd.img");
      writeFileSync(image, bytes);
      const card = usedCard(folder, "card", size);
      const file = join(folder, "file.img");
      for (const path of [card.device, file]) {
        const result = only(
          await flash({ image, targets: [{ path }], used: "everything" }),
        );
        expect(result.error).toBeUndefined();
      }
      expect(card.content().equals(bytes)).toBe(true);
      expect(readFileSync(file).equals(bytes)).toBe(true);
    });

    test("writes an image smaller than the first MiB", async () => {
      const folder = temporaryFolder();
      const bytes = oldData(96 * 1024);
      asDisk(bytes);
      const image = join(folder, "tiny.img");
      writeFileSync(image, bytes);
      const card = usedCard(folder, "card", 2 * MIB);
      const result = only(
        await flash({ image, targets: [{ path: card.device }] }),
      );
      expect(result.error).toBeUndefined();
      expect(card.content().subarray(0, bytes.length).equals(bytes)).toBe(true);
      expect(rangeEnd({ offset: 0, length: bytes.length })).toBeLessThan(MIB);
    });
  },
);
