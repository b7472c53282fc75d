// pi-image flash of .xz files that are damaged or lie: exit 4, the block by name, a card that does not boot, bounded memory.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { readXzIndex } from "../../src/image/archive/xz/xz-index.ts";
import {
  encodeIndex,
  streamFooter,
  streamHeader,
} from "../../src/image/archive/xz/xz-format.ts";
import { oldFile, run, sparseFile, temporaryFolder } from "../device/loop.ts";
import {
  IMAGE_SIZE,
  makeSampleImage,
  ROOT,
  SAMPLE_TOOLS,
} from "../flash/sample-image.ts";
import { measure } from "../bench/measure.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const MIB = 1024 ** 2;

const compress = (raw: Uint8Array, ...options: string[]): Buffer =>
  execFileSync("xz", ["-0", "--stdout", ...options], {
    input: raw,
    maxBuffer: 1024 * MIB,
    stdio: ["pipe", "pipe", "pipe"],
  });

const oldFileOf = (size: number): string =>
  oldFile(join(temporaryFolder(), "old"), size);

const flashOf = async (bytes: Buffer) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a.img.xz"), bytes);
  const card = oldFile(join(folder, "card"), IMAGE_SIZE + MIB);
  const { status, stderr } = await runCli(
    ["flash", "card", "a.img.xz", "--yes"],
    { cwd: folder },
  );
  const content = readFileSync(card);
  return {
    status,
    stderr,
    card: content,
    boots: content.subarray(0, MIB).some((byte) => byte !== 0),
  };
};

describeWithTools(
  [...SAMPLE_TOOLS, "xz", "bash"],
  "flashing an .xz file",
  () => {
    let raw: Buffer;
    let multi: Buffer;
    beforeAll(() => {
      const folder = run("mktemp", "-d").trim();
      raw = readFileSync(makeSampleImage(folder));
      rmSync(folder, { recursive: true });
      multi = compress(raw, "--block-size=1MiB", "--threads=2");
    });

    const indexOf = async (bytes: Buffer) => {
      const path = join(temporaryFolder(), "a.xz");
      writeFileSync(path, bytes);
      const file = await open(path, "r");
      try {
        return await readXzIndex(path, file);
      } finally {
        await file.close();
      }
    };

    /** The block that the root partition's first MiB lies in; its metadata is read for the block map. */
    const metadataBlock = ROOT.offset / MIB;

    test.each([
      ["with data", 3],
      ["with metadata", metadataBlock],
    ])("whose block %s is corrupt names it", async (_, block) => {
      const { fileOffset, stored } = await indexOf(multi);
      const bad = Buffer.from(multi);
      const at = (fileOffset[block] ?? 0) + (stored[block] ?? 0) - 12;
      bad[at] = (bad[at] ?? 0) ^ 0x20;
      const { status, stderr, boots, card } = await flashOf(bad);
      expect(status).toBe(4);
      expect(stderr).toContain(`block ${block + 1} of ${IMAGE_SIZE / MIB}`);
      // Damage that the block map meets is found before anything is written.
      const untouched = card.equals(readFileSync(oldFileOf(card.length)));
      expect(untouched || !boots).toBe(true);
    });

    test("of several streams with padding between them is flashed", async () => {
      const middle = 20 * MIB;
      const streams = Buffer.concat([
        compress(raw.subarray(0, middle), "--block-size=1MiB", "--check=crc32"),
        Buffer.alloc(8),
        compress(raw.subarray(middle), "--block-size=3MiB"),
        Buffer.alloc(4),
      ]);
      const { status, card } = await flashOf(streams);
      expect(status).toBe(0);
      expect(card.subarray(0, middle).equals(raw.subarray(0, middle))).toBe(
        true,
      );
    });

    test("followed by something else is flashed without it, and that is said", async () => {
      const { status, stderr, card } = await flashOf(
        Buffer.concat([multi, Buffer.from("more")]),
      );
      expect(status).toBe(0);
      expect(stderr).toContain("bytes that are not .xz data follow the image");
      expect(stderr).toContain("nothing proves this file");
      expect(card.subarray(0, IMAGE_SIZE).equals(raw)).toBe(true);
    });

    test("whose index promises what no block holds is refused before anything is written", async () => {
      const records = Array.from({ length: 64 }, () => ({
        stored: 8,
        decoded: MIB,
      }));
      const index = encodeIndex(records);
      const claims = Buffer.concat([
        streamHeader(4),
        Buffer.alloc(64 * 8),
        index,
        streamFooter(4, index.length),
      ]);
      const { status, stderr, card } = await flashOf(claims);
      expect(status).toBe(4);
      expect(stderr).toContain("block 1 of 64");
      expect(card.equals(readFileSync(oldFileOf(card.length)))).toBe(true);
    });

    test("takes no more memory for a larger image", async () => {
      const folder = temporaryFolder();
      const CLI = inject("cli");
      const image = sparseFile(join(folder, "large.img"), 1024 * MIB);
      writeFileSync(
        image,
        Buffer.concat([raw.subarray(0, 512), Buffer.alloc(MIB)]),
      );
      run("truncate", "-s", "1G", image);
      run("xz", "-0", "--threads=2", "--block-size=1MiB", image);
      const script =
        'cd "$FOLDER"; node "$CLI" flash card large.img.xz --yes --wipe';
      const { peakMiB } = await measure(script, { CLI, FOLDER: folder });
      expect(peakMiB).toBeGreaterThan(20);
      expect(peakMiB).toBeLessThan(150);
    });
  },
);
