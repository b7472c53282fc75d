// pi-image flash with what a publisher puts beside an image: checksums and a block map, right, wrong and unreadable.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import type { Range } from "../../src/image/range.ts";
import { oldFile, temporaryFolder } from "../device/loop.ts";
import {
  IMAGE_SIZE,
  makeSampleImage,
  ROOT,
  SAMPLE_TOOLS,
} from "../flash/sample-image.ts";
import { beginsWith } from "../support/file-bytes.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const MIB = 1024 ** 2;

const A = "a".repeat(64);
const B = "b".repeat(64);

const sha256 = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** Everything but the last MiB of the root partition. */
const MAPPED: readonly Range[] = [
  { offset: 0, length: 4 * MIB },
  { offset: 4 * MIB, length: ROOT.offset + ROOT.length - 5 * MIB },
];

const bmapOf = (raw: Uint8Array): string =>
  renderBmap({
    imageSize: raw.length,
    ranges: MAPPED.map((range) => ({
      ...range,
      sha256: sha256(raw.subarray(range.offset, range.offset + range.length)),
    })),
  });

/** The same map with another checksum for its last range, and with its own checksum right. */
const lyingBmap = (raw: Uint8Array): string => {
  const changed = Buffer.from(raw);
  changed.writeUInt32LE(raw.length, 20 * MIB);
  return bmapOf(changed);
};

const flashIn = async (folder: string, image: string, ...more: string[]) => {
  const card = oldFile(join(folder, "card"), IMAGE_SIZE + MIB);
  const result = await runCli(
    ["flash", "card", image, "--yes", "--json", ...more],
    { cwd: folder },
  );
  return { ...result, card };
};

const isUnbootable = (card: string): boolean =>
  beginsWith(card, Buffer.alloc(MIB));

describeWithTools([...SAMPLE_TOOLS, "xz"], "what is beside an image", () => {
  let raw: Buffer;
  let packed: Buffer;
  beforeAll(() => {
    const folder = execFileSync("mktemp", ["-d"], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
    const image = makeSampleImage(folder);
    raw = readFileSync(image);
    execFileSync("xz", ["-0", "--block-size=1MiB", image], {
      stdio: "pipe",
    });
    packed = readFileSync(`${image}.xz`);
    rmSync(folder, { recursive: true });
  });

  const place = (): { readonly folder: string; readonly xz: Buffer } => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "a.img.xz"), packed);
    return { folder, xz: packed };
  };

  test.each(["a.img.xz.sha256", "SHA256SUMS", "a.img.sha256"])(
    "a right checksum in %s is compared and the card boots",
    async (name) => {
      const { folder, xz } = place();
      writeFileSync(join(folder, name), `${sha256(xz)}  a.img.xz\n`);
      const { status, card } = await flashIn(folder, "a.img.xz");
      expect(status).toBe(0);
      expect(beginsWith(card, raw.subarray(0, 4 * MIB))).toBe(true);
      const plan = await runCli(
        ["flash", "card", "a.img.xz", "--yes", "--dry-run"],
        { cwd: folder },
      );
      expect(plan.stdout).toContain(name);
    },
  );

  test.each(["a.img.xz.sha256", "SHA256SUMS", "a.img.sha256"])(
    "a wrong checksum in %s leaves a card that does not boot",
    async (name) => {
      const { folder } = place();
      writeFileSync(join(folder, name), `${sha256(raw)}  a.img.xz\n`);
      const { status, stdout, stderr, card } = await flashIn(
        folder,
        "a.img.xz",
      );
      expect(status).toBe(4);
      expect(`${stdout}${stderr}`).toContain("CHECKSUM_MISMATCH");
      expect(`${stdout}${stderr}`).toContain("does not boot");
      expect(isUnbootable(card)).toBe(true);
    },
  );

  test.each([
    ["a path", (digest: string) => `${digest}  ./out/arm64/a.img.xz\n`],
    ["OpenSSL's form", (digest: string) => `SHA2-256(a.img.xz)= ${digest}\n`],
    [
      "a list with broken lines and other algorithms",
      (digest: string) =>
        `garbage\n${"d".repeat(32)}  a.img.xz\n${digest} a.img.xz\r\n`,
    ],
  ])("a list with %s is compared", async (_, listOf) => {
    const { folder, xz } = place();
    const list = join(folder, "SHA256SUMS");
    writeFileSync(list, listOf(sha256(xz)));
    expect((await flashIn(folder, "a.img.xz")).status).toBe(0);
    writeFileSync(list, listOf(sha256(Buffer.from("another image"))));
    const { status, card } = await flashIn(folder, "a.img.xz");
    expect(status).toBe(4);
    expect(isUnbootable(card)).toBe(true);
  });

  test.each([
    ["two digests for one name", `${A}  a.img.xz\n${B}  x/a.img.xz\n`],
    ["only an MD5", `${"d".repeat(32)}  a.img.xz\n`],
    ["a broken line about the image", `${A.slice(1)}  a.img.xz\n`],
  ])("a list with %s stops everything", async (_, list) => {
    const { folder } = place();
    writeFileSync(join(folder, "SHA256SUMS"), list);
    const { status, stdout, card } = await flashIn(folder, "a.img.xz");
    expect(status).toBe(4);
    expect(stdout).toContain("CHECKSUM_LIST_WRONG");
    expect(isUnbootable(card)).toBe(false);
  });

  test("the --sha256 of the unpacked image leaves a card that does not boot, and is told as such", async () => {
    const { folder } = place();
    const { status, stdout, card } = await flashIn(
      folder,
      "a.img.xz",
      "--sha256",
      sha256(raw),
    );
    expect(status).toBe(4);
    expect(stdout).toContain("that is the checksum of the unpacked image");
    expect(isUnbootable(card)).toBe(true);
  });

  test.each(["a.img.xz.bmap", "a.img.bmap", "a.bmap"])(
    "only what %s maps is written",
    async (name) => {
      const { folder } = place();
      writeFileSync(join(folder, name), bmapOf(raw));
      const { status, card } = await flashIn(folder, "a.img.xz");
      expect(status).toBe(0);
      const held = readFileSync(card);
      for (const { offset, length } of MAPPED) {
        const end = offset + length;
        expect(
          held.subarray(offset, end).equals(raw.subarray(offset, end)),
        ).toBe(true);
      }
      const receipt = execFileSync("sh", ["-c", "cat out/receipts/*"], {
        cwd: folder,
        encoding: "utf8",
        stdio: "pipe",
      });
      expect(receipt).toContain("bmap file");
    },
  );

  test.each(["xz", "img", "gz"])(
    "an image that differs from its block map is refused (%s)",
    async (format) => {
      const { folder } = place();
      const name = format === "img" ? "a.img" : `a.img.${format}`;
      if (format !== "xz") {
        writeFileSync(
          join(folder, name),
          format === "img" ? raw : gzipSync(raw, { level: 1 }),
        );
      }
      writeFileSync(join(folder, "a.bmap"), lyingBmap(raw));
      const { status, stdout, stderr, card } = await flashIn(folder, name);
      expect(status).toBe(4);
      expect(`${stdout}${stderr}`).toContain("BMAP_WRONG");
      expect(isUnbootable(card)).toBe(true);
    },
  );

  test("a block map of another image is refused before anything is written", async () => {
    const { folder } = place();
    const longer = Buffer.concat([raw, Buffer.alloc(MIB)]);
    writeFileSync(join(folder, "a.bmap"), bmapOf(longer));
    const { status, card } = await flashIn(folder, "a.img.xz");
    expect(status).toBe(4);
    expect(isUnbootable(card)).toBe(false);
  });

  test("a block map is checked with --wipe as well", async () => {
    const { folder } = place();
    renameSync(join(folder, "a.img.xz"), join(folder, "b.img.xz"));
    writeFileSync(join(folder, "b.bmap"), lyingBmap(raw));
    const { status, card } = await flashIn(folder, "b.img.xz", "--wipe");
    expect(status).toBe(4);
    expect(isUnbootable(card)).toBe(true);
  });
});
