// Images that we compress: accepted by the real tools, the same bytes each time, and gone when something fails.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { encodeImage } from "../../src/image/archive/encode-image.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import type { Chunk } from "../../src/image/reader.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { failureOf } from "../support/failure.ts";
import {
  expectSame,
  readImage,
  sampleImage,
  testFolder,
} from "./archive-samples.ts";

const SIZE = 3 * 2 ** 20 + 512;

/** The image with a gap in it and one behind it, and the chunks without the gaps. */
const gappy = () => {
  const image = sampleImage(SIZE);
  image.fill(0, 700_000, 2_500_000);
  image.fill(0, 3_000_000);
  async function* chunks(): AsyncGenerator<Chunk> {
    // One buffer for all chunks, as readers have it.
    const buffer = Buffer.alloc(100_000);
    for (const [from, to] of [
      [0, 700_000],
      [2_500_000, 3_000_000],
    ] as const) {
      for (let offset = from; offset < to; offset += buffer.length) {
        const part = image.subarray(offset, Math.min(to, offset + 100_000));
        buffer.set(part);
        yield { offset, data: buffer.subarray(0, part.length) };
        buffer.fill(0xee);
      }
    }
  }
  return { image, chunks };
};

const judges = {
  xz: ["xz", ["-dc"]],
  zstd: ["zstd", ["-dcq"]],
} as const;

describeWithTools(["xz", "zstd"], "a compressed image", () => {
  it.each(["xz", "zstd"] as const)("in .%s is the image", async (format) => {
    const { image, chunks } = gappy();
    const folder = testFolder();
    const path = join(folder, "a.img");
    const done: number[] = [];
    const encoded = await encodeImage({
      format,
      path,
      mode: 0o600,
      size: SIZE,
      chunks: chunks(),
      progress: (bytes) => done.push(bytes),
    });
    const [tool, args] = judges[format];
    expectSame(
      spawnSync(tool, [...args, path], { maxBuffer: 2 * SIZE }).stdout ?? "",
      image,
    );
    expectSame(await readImage(path, SIZE), image);
    const bytes = readFileSync(path);
    expect(encoded).toEqual({
      size: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    expect(done.at(-1)).toBe(SIZE);
    expect(readdirSync(folder)).toEqual(["a.img"]);

    const again = await encodeImage({
      format,
      path: join(folder, "b.img"),
      mode: 0o600,
      size: SIZE,
      chunks: chunks(),
    });
    expect(again.sha256).toBe(encoded.sha256);
  });

  it("in .xz can be decoded in parallel, and in .zst tells its size", async () => {
    const folder = testFolder();
    for (const format of ["xz", "zstd"] as const) {
      const path = join(folder, format);
      const { chunks } = gappy();
      await encodeImage({
        format,
        path,
        mode: 0o600,
        size: SIZE,
        chunks: chunks(),
      });
      const reader = await openImage(path);
      expect(reader.size).toBe(SIZE);
      expect(reader.source === undefined).toBe(format === "zstd");
      await reader.close();
    }
    const { stdout } = spawnSync("xz", [
      "--list",
      "--robot",
      join(folder, "xz"),
    ]);
    expect(stdout.toString()).toContain("\nfile\t1\t4\t");
  });

  it.each(["xz", "zstd"] as const)(
    "in .%s does not depend on the number of threads",
    (format) => {
      const { image } = gappy();
      const common =
        format === "xz"
          ? ["--compress", "--stdout", "-1", "--block-size=1MiB"]
          : ["--compress", "--stdout", "-q", "-9", `--stream-size=${SIZE}`];
      const [two, four] = [2, 4].map(
        (threads) =>
          spawnSync(format, [...common, `--threads=${threads}`], {
            input: image,
            maxBuffer: 2 * SIZE,
          }).stdout,
      );
      expect(two?.length).toBeGreaterThan(100_000);
      expectSame(two ?? Buffer.alloc(0), four ?? Buffer.alloc(1));
    },
  );

  it("that is stopped leaves nothing", async () => {
    const folder = testFolder();
    const { chunks } = gappy();
    const stop = new AbortController();
    const work = encodeImage({
      format: "xz",
      path: join(folder, "a.img.xz"),
      mode: 0o600,
      size: SIZE,
      chunks: chunks(),
      signal: stop.signal,
      progress: () => stop.abort(),
    });
    await expect(work).rejects.toThrow(/abort/i);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("whose image fails midway leaves nothing", async () => {
    const folder = testFolder();
    async function* broken(): AsyncGenerator<Chunk> {
      yield { offset: 0, data: Buffer.alloc(512) };
      throw new Error("the reader broke");
    }
    await expect(
      encodeImage({
        format: "zstd",
        path: join(folder, "a.img.zst"),
        mode: 0o600,
        size: SIZE,
        chunks: broken(),
      }),
    ).rejects.toThrow("the reader broke");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("without the program is refused with its package", async () => {
    const folder = testFolder();
    const path = process.env["PATH"];
    process.env["PATH"] = folder;
    onTestFinished(() => {
      process.env["PATH"] = path;
    });
    const error = await failureOf(
      encodeImage({
        format: "zstd",
        path: join(folder, "a.img.zst"),
        mode: 0o600,
        size: SIZE,
        chunks: gappy().chunks(),
      }),
    );
    expect(error.code).toBe("TOOL_MISSING");
    expect(error.hint).toContain("apt-get install zstd");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describeAsRoot(["xz", "mount"], "a full disk", () => {
  it("is told, and keeps nothing", async () => {
    const folder = memoryDisk("size=64k");
    const error = await failureOf(
      encodeImage({
        format: "xz",
        path: join(folder, "a.img.xz"),
        mode: 0o600,
        size: SIZE,
        chunks: gappy().chunks(),
      }),
    );
    expect(error.code).toBe("DISK_FULL");
    expect(error.state).toBe(
      `nothing was kept under the name ${join(folder, "a.img.xz")}`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});
