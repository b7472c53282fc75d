// The decoded image of a base: made once, sparse, checked on every use, and made anew when it is not what it was.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  decodedBaseFile,
  openDecodedBase,
} from "../../src/base/decoded-base.ts";
import type { ProvenBase } from "../../src/base/proven-base.ts";
import { resolveBase } from "../../src/base/resolve-base.ts";
import { cancelled } from "../../src/report/cancelled.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { failureOf } from "../support/failure.ts";
import { noCatalogue, testFolder, testOptions } from "./base-options.ts";
import { asDisk } from "../support/as-disk.ts";

const SIZE = 6 * 2 ** 20;

/** Data, a gap of zeros that is not aligned to anything, data, and zeros at the end. */
const image = Buffer.alloc(SIZE);
image.fill("text and ", 0, 70_001);
image.fill("more text ", 3_000_017, 3_500_000);
asDisk(image);

const setUp = async (data = gzipSync(image), name = "a.img.gz") => {
  const path = join(testFolder(), name);
  writeFileSync(path, data);
  const options = testOptions();
  const base: ProvenBase = await resolveBase(
    { base: path, explicit: true, insecure: true },
    { ...options, catalogue: noCatalogue },
  );
  onTestFinished(() => base.reader.close());
  const decoded = () =>
    options.events.filter(
      (event) => event.type === "phase" && event.phase === "decode base",
    ).length;
  return { path, options, base, decoded };
};

const same = (path: string) => Buffer.compare(readFileSync(path), image) === 0;

describe("a decoded base", () => {
  it("is the image, sparse, and decoded once", async () => {
    const { base, options, decoded } = await setUp();
    const path = await decodedBaseFile(base, options);
    expect(await decodedBaseFile(base, options)).toBe(path);
    expect(same(path)).toBe(true);
    expect(decoded()).toBe(1);
    const { blocks, mode } = statSync(path);
    expect(blocks * 512).toBeLessThan(1_000_000);
    expect(mode & 0o222).toBe(0);
    const folder = join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "raw");
    expect(readdirSync(folder).toSorted()).toEqual([
      `${base.sha256}.img`,
      `${base.sha256}.img.sha256`,
    ]);
    expect(
      readFileSync(join(folder, `${base.sha256}.img.sha256`), "utf8").trim(),
    ).toBe(createHash("sha256").update(image).digest("hex"));
  });

  it("is the base itself where that is raw", async () => {
    const { path, base, options } = await setUp(image, "a.img");
    expect(await decodedBaseFile(base, options)).toBe(path);
  });

  it("is decoded once by several builders at the same time", async () => {
    const { base, options, decoded } = await setUp();
    const paths = await Promise.all(
      [1, 2, 3].map(() => decodedBaseFile(base, options)),
    );
    expect(new Set(paths).size).toBe(1);
    expect(decoded()).toBe(1);
  });

  it.each([
    ["cut", (path: string) => truncateSync(path, 1000)],
    [
      "changed in one byte",
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[4_000_000] = 1;
        writeFileSync(path, bytes);
      },
    ],
    [
      "without its digest",
      (path: string) => writeFileSync(`${path}.sha256`, ""),
    ],
  ])("that was %s is made anew", async (_, spoil) => {
    const { base, options, decoded } = await setUp();
    const path = await decodedBaseFile(base, options);
    chmodSync(path, 0o644);
    spoil(path);
    expect(await decodedBaseFile(base, options)).toBe(path);
    expect(same(path)).toBe(true);
    expect(decoded()).toBe(2);
  });

  it("of a damaged archive leaves nothing", async () => {
    const { base, options } = await setUp(gzipSync(image).subarray(0, -9));
    const error = await failureOf(decodedBaseFile(base, options));
    expect(error.code).toBe("IMAGE_DAMAGED");
    const folder = join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "raw");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("that is stopped leaves nothing", async () => {
    const { base, options } = await setUp();
    const stop = AbortSignal.abort(cancelled());
    const error = await failureOf(
      decodedBaseFile(base, { ...options, signal: stop }),
    );
    expect(error.code).toBe("CANCELLED");
    const folder = join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "raw");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("stays when the run is stopped while it is checked", async () => {
    const { base, options, decoded } = await setUp();
    const path = await decodedBaseFile(base, options);
    const stop = new AbortController();
    const checks: string[] = [];
    const error = await failureOf(
      decodedBaseFile(base, {
        ...options,
        anew: true,
        signal: stop.signal,
        report: (event) => {
          if (event.type === "phase") {
            checks.push(event.phase);
            stop.abort(cancelled());
          }
        },
      }),
    );
    expect(error.code).toBe("CANCELLED");
    expect(checks).toEqual(["check"]);
    expect(same(path)).toBe(true);
    expect(await decodedBaseFile(base, options)).toBe(path);
    expect(decoded()).toBe(1);
  });

  it.each(["", ".sha256"])(
    "that cannot be read (%s) is not a bad one",
    async (end) => {
      const { base, options } = await setUp();
      const path = await decodedBaseFile(base, options);
      // Reading it fails for root too.
      rmSync(`${path}${end}`);
      mkdirSync(`${path}${end}`);
      await expect(decodedBaseFile(base, options)).rejects.toThrow("EISDIR");
      expect(existsSync(path)).toBe(true);
      expect(existsSync(`${path}.sha256`)).toBe(true);
    },
  );
});

describeAsRoot(["mount"], "a decoded base on a full disk", () => {
  it("says so and leaves nothing", async () => {
    const { base, options } = await setUp();
    const folder = memoryDisk("size=256k");
    const env = { PI_IMAGE_CACHE_HOME: join(folder, "cache") };
    const error = await failureOf(decodedBaseFile(base, { ...options, env }));
    expect([error.code, error.state]).toEqual([
      "DISK_FULL",
      "nothing was kept",
    ]);
    expect(readdirSync(join(folder, "cache", "raw"))).toEqual([]);
  });
});

describeWithTools(["xz"], "a base for a seed", () => {
  const archive = (...args: string[]) =>
    spawnSync("xz", ["--compress", "--stdout", ...args], {
      input: image,
      maxBuffer: SIZE,
    }).stdout;

  it("is read from the archive where that can be entered anywhere", async () => {
    const { base, options, decoded } = await setUp(
      archive("--block-size=1MiB"),
      "a.img.xz",
    );
    const source = await openDecodedBase(base, "seed", options);
    const bytes = await source.read(3_000_000, 5000);
    expect(bytes.equals(image.subarray(3_000_000, 3_005_000))).toBe(true);
    await source.close();
    expect(decoded()).toBe(0);
    expect(
      existsSync(join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "raw")),
    ).toBe(false);
    // The reader is still open for whoever opened it.
    expect((await base.reader.source?.read(510, 2))?.toString("hex")).toBe(
      "55aa",
    );
  });

  it("is decoded where it cannot, and for an image", async () => {
    for (const [args, purpose] of [
      [["--block-size=16MiB"], "seed"],
      [["--block-size=1MiB"], "image"],
    ] as const) {
      const { base, options, decoded } = await setUp(
        archive(...args),
        "a.img.xz",
      );
      const source = await openDecodedBase(base, purpose, options);
      expect(source.size).toBe(SIZE);
      const bytes = await source.read(3_000_000, 5000);
      expect(bytes.equals(image.subarray(3_000_000, 3_005_000))).toBe(true);
      await source.close();
      expect(decoded()).toBe(1);
    }
  });
});
