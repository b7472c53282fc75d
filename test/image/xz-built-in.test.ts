// Where there is no xz program, the built-in decoder gives the same bytes and finds the same damage.
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openXz } from "../../src/image/archive/xz/xz-reader.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import {
  expectSame,
  readImage,
  sampleImage,
  testFolder,
  writeSample,
  xz,
} from "./archive-samples.ts";

describeWithTools(["xz"], "without an xz program", () => {
  /** Runs `work` where PATH leads nowhere. */
  const withoutXz = async <Result>(work: () => Promise<Result>) => {
    const path = process.env["PATH"];
    process.env["PATH"] = testFolder();
    try {
      return await work();
    } finally {
      process.env["PATH"] = path;
    }
  };
  const image = sampleImage(40 * 4096);

  it.each([
    ["of one block", ["--block-size=1MiB"]],
    ["of several blocks", ["--block-size=16KiB"]],
    ["with CRC32", ["--block-size=16KiB", "--check=crc32"]],
  ])("a file %s is read by the built-in decoder", async (_, options) => {
    const path = writeSample("a.xz", xz(image, ...options));
    await withoutXz(async () => {
      expectSame(await readImage(path, image.length), image);
      const reader = await openXz(path);
      const part = await reader.source?.read(5000, 50_000);
      if (part !== undefined) {
        expectSame(part, image.subarray(5000, 55_000));
      }
      await reader.close();
    });
  });

  it("BusyBox's xz is not taken for one", async () => {
    const path = writeSample("a.xz", xz(image, "--block-size=16KiB"));
    const folder = testFolder();
    const busybox = join(folder, "busybox");
    writeFileSync(busybox, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    symlinkSync(busybox, join(folder, "xz"));
    const before = process.env["PATH"];
    process.env["PATH"] = folder;
    onTestFinished(() => {
      process.env["PATH"] = before;
    });
    expectSame(await readImage(path, image.length), image);
  });

  it("a file of several streams with padding is read", async () => {
    const bytes = Buffer.concat([
      xz(image.subarray(0, 8192)),
      Buffer.alloc(8),
      xz(image.subarray(8192), "--check=crc32"),
    ]);
    const path = writeSample("a.xz", bytes);
    expectSame(await withoutXz(() => readImage(path, image.length)), image);
  });

  it("damage is found, and the next file is read", async () => {
    const good = xz(image, "--block-size=16KiB");
    const bad = Buffer.from(good);
    bad[5000] = (bad[5000] ?? 0) ^ 1;
    const single = xz(image);
    const badSingle = Buffer.from(single);
    badSingle[5000] = (badSingle[5000] ?? 0) ^ 1;
    const paths = [bad, badSingle, good, single].map((bytes) =>
      writeSample("a.xz", bytes),
    );
    await withoutXz(async () => {
      for (const path of paths.slice(0, 2)) {
        const error = await failureOf(readImage(path, image.length));
        expect(error.code).toBe("IMAGE_DAMAGED");
        expect(error.message).toMatch(/block \d+ of/);
      }
      for (const path of paths.slice(2)) {
        expectSame(await readImage(path, image.length), image);
      }
    });
  });

  it("a file left in the middle does not hold up the next", async () => {
    const path = writeSample("a.xz", xz(sampleImage(9 * 2 ** 20)));
    await withoutXz(async () => {
      for (const _ of [1, 2]) {
        const reader = await openXz(path);
        for await (const chunk of reader.chunks()) {
          expect(chunk.offset).toBe(0);
          break;
        }
        await reader.close();
      }
    });
  });

  it("SHA-256 checks need the program", async () => {
    const path = writeSample("a.xz", xz(image, "--check=sha256"));
    const error = await withoutXz(() => failureOf(openXz(path)));
    expect(error.code).toBe("TOOL_MISSING");
    expect(error.hint).toContain("xz-utils");
  });
});
