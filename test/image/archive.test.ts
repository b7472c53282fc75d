// Every format that openImage reads: good files, cut files, corrupt files, and files that are something else.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openImage } from "../../src/image/archive/open-image.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import {
  collect,
  compress,
  expectSame,
  readImage,
  sampleImage,
  testFolder,
  writeSample,
  xz,
  zip,
} from "./archive-samples.ts";

const SIZE = 300 * 1024;
const image = sampleImage(SIZE);
const half = SIZE / 2;

const zstd = (input: Buffer, ...args: string[]) =>
  compress("zstd", ["--compress", "--stdout", "-q", ...args], input);

/** name -> how the archive is made; only when a test asks, because the tools may be missing. */
const recipes: Readonly<Record<string, () => Buffer>> = {
  "single-block xz": () => xz(image, "--threads=1"),
  "multi-block xz": () => xz(image, "--block-size=64KiB", "--threads=2"),
  "multi-stream xz": () =>
    Buffer.concat([xz(image.subarray(0, half)), xz(image.subarray(half))]),
  "padded xz": () =>
    Buffer.concat([
      xz(image.subarray(0, half)),
      Buffer.alloc(8),
      xz(image.subarray(half), "--check=crc32"),
      Buffer.alloc(512),
    ]),
  "xz with SHA-256": () => xz(image, "--check=sha256", "--block-size=64KiB"),
  "xz without check": () => xz(image, "--check=none", "--block-size=64KiB"),
  gzip: () => gzipSync(image),
  "multi-member gzip": () =>
    Buffer.concat([
      gzipSync(image.subarray(0, half)),
      gzipSync(image.subarray(half)),
    ]),
  bzip2: () => compress("bzip2", ["-c"], image),
  "multi-stream bzip2": () =>
    Buffer.concat([
      compress("bzip2", ["-c", "-1"], image.subarray(0, half)),
      compress("bzip2", ["-c"], image.subarray(half)),
    ]),
  zstd: () => zstd(image),
  "zstd of known size": () => zstd(image, `--stream-size=${SIZE}`),
  "multi-frame zstd": () =>
    Buffer.concat([
      zstd(image.subarray(0, half)),
      // A skippable frame of 3 bytes.
      Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
      zstd(image.subarray(half)),
    ]),
  "deflated zip": () => zip({ "a.img": image }),
  "stored zip": () => zip({ "a.img": image }, "-0"),
  "zip with a readme": () =>
    zip({ "readme.txt": Buffer.from("read me"), "a.img": image }),
  "zip of one file of any name": () => zip({ "disk.bin": image }),
};

const made = new Map<string, Buffer>();

const archive = (name: string): Buffer => {
  const bytes = made.get(name) ?? recipes[name]?.() ?? Buffer.alloc(0);
  made.set(name, bytes);
  return bytes;
};

const names = Object.keys(recipes);

/** Files that this process has open; empty where the system does not tell. */
const openFiles = (): string[] => {
  const folder = "/proc/self/fd";
  if (!existsSync(folder)) {
    return [];
  }
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(join(folder, fd))];
    } catch {
      return [];
    }
  });
};

/** An image of any length in the form. */
const odd = (format: string, bytes: Buffer): Buffer =>
  format === "gzip"
    ? gzipSync(bytes)
    : format === "single-block xz"
      ? xz(bytes, "--threads=1")
      : format === "multi-block xz"
        ? xz(bytes, "--block-size=64KiB", "--threads=2")
        : format === "bzip2"
          ? compress("bzip2", ["-c"], bytes)
          : format === "zstd"
            ? zstd(bytes)
            : format === "zip"
              ? zip({ "a.img": bytes })
              : bytes;

const tools = ["xz", "zstd", "zip", "bzip2"];

describeWithTools(tools, "a good archive", () => {
  it.each(names)("%s gives the image", async (name) => {
    const path = writeSample("a", archive(name));
    expectSame(await readImage(path, SIZE), image);
  });

  it("tells its size where the format does", async () => {
    const sizes: Record<string, number | undefined> = {};
    for (const name of names) {
      const reader = await openImage(writeSample("a", archive(name)));
      sizes[name] = reader.size;
      await reader.close();
    }
    expect(sizes).toEqual({
      ...Object.fromEntries(names.map((name) => [name, SIZE])),
      bzip2: undefined,
      "multi-stream bzip2": undefined,
      "multi-member gzip": undefined,
      zstd: undefined,
      "multi-frame zstd": undefined,
    });
  });

  it("can be left in the middle, and is closed then", async () => {
    for (const name of names) {
      const path = writeSample("a", archive(name));
      const reader = await openImage(path);
      for await (const chunk of reader.chunks()) {
        expect(chunk.offset).toBe(0);
        break;
      }
      await reader.close();
      expect(openFiles()).not.toContain(path);
    }
  });
});

describeWithTools(tools, "a damaged archive", () => {
  const damages: Readonly<Record<string, (good: Buffer) => Buffer>> = {
    "cut in the middle": (good) => good.subarray(0, good.length / 2),
    "cut in front of the last byte": (good) => good.subarray(0, -1),
    "cut in front of the last 13 bytes": (good) => good.subarray(0, -13),
    "cut after 20 bytes": (good) => good.subarray(0, 20),
    "with a flipped bit": (good) => {
      const bad = Buffer.from(good);
      const at = Math.floor(good.length / 3);
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      return bad;
    },
    "followed by the beginning of another": (good) =>
      Buffer.concat([good, good.subarray(0, 40)]),
  };
  /** What the format itself cannot see. */
  const unseen = new Set([
    "xz without check with a flipped bit",
    // Only zeros are missing that mean nothing.
    "padded xz cut in front of the last byte",
    "padded xz cut in front of the last 13 bytes",
    // The directory, at the end, does not tell of them.
    ...names
      .filter(
        (name) =>
          name.includes("zip") &&
          !name.includes("gzip") &&
          !name.includes("bzip2"),
      )
      .map((name) => `${name} followed by the beginning of another`),
  ]);

  const cases = names.flatMap((name) =>
    Object.keys(damages)
      .filter((damage) => !unseen.has(`${name} ${damage}`))
      .map((damage) => [name, damage] as const),
  );

  it.each(cases)("%s, %s, is refused", async (name, damage) => {
    const good = archive(name);
    const path = writeSample("a", damages[damage]?.(good) ?? good);
    const error = await failureOf(readImage(path, SIZE * 2));
    expect(error.code).toBe("IMAGE_DAMAGED");
    expect(error.exitCode).toBe(4);
    expect(error.message).toContain(path);
    expect(error.hint).toContain("checksum");
  });

  it.each(names)(
    "%s with something behind it is read, and says so",
    async (name) => {
      for (const [behind, told] of [
        [Buffer.from("something else\n"), 1],
        [Buffer.concat([Buffer.alloc(64), Buffer.from("text")]), 1],
        [Buffer.alloc(1021), 0],
      ] as const) {
        const path = writeSample("a", Buffer.concat([archive(name), behind]));
        const reader = await openImage(path);
        expectSame(await collect(reader.chunks(), SIZE), image);
        expect(reader.remarks?.()).toHaveLength(
          name.includes("bzip2") ? 1 : told,
        );
        await reader.close();
      }
    },
  );

  it("names the block", async () => {
    const bytes = xz(image, "--block-size=64KiB", "--threads=2");
    // Stored sizes are in the block headers and in the index; the third block begins behind the first two.
    const reader = await openImage(writeSample("a", bytes));
    await reader.close();
    const bad = Buffer.from(bytes);
    const at = bytes.length / 2;
    bad[at] = (bad[at] ?? 0) ^ 1;
    const error = await failureOf(readImage(writeSample("b", bad), SIZE));
    expect(error.message).toMatch(/: block [23] of 5 \(bytes \d+ to \d+ of/);
    expect(error.facts).toContain("Compressed data is corrupt");
  });

  it("that loses its end while it is read is refused", async () => {
    const path = writeSample("a.img", image);
    const reader = await openImage(path);
    writeFileSync(path, image.subarray(0, 1024));
    const error = await failureOf(collect(reader.chunks(), SIZE));
    await reader.close();
    expect(error.message).toContain("became shorter");
  });
});

describeWithTools(tools, "a zip", () => {
  const refusal = async (data: Buffer) => {
    const error = await failureOf(readImage(writeSample("a.zip", data), SIZE));
    return `${error.code}: ${error.message.replace(/^.* is refused: /, "")}`;
  };
  /** Changes the name of an entry, in its header and in the directory. */
  const rename = (data: Buffer, from: string, to: string) =>
    Buffer.from(
      data.toString("latin1").replaceAll(from, to.padEnd(from.length, "x")),
      "latin1",
    );

  it("with several images is refused", async () => {
    expect(await refusal(zip({ "a.img": image, "b.img": image }))).toMatch(
      /^IMAGE_NOT_CHOSEN: .* holds 2 files that could be the image$/,
    );
  });
  it("with several files, none an image, is refused", async () => {
    expect(
      await refusal(zip({ a: image, b: Buffer.from("b"), c: image })),
    ).toMatch(/^IMAGE_NOT_CHOSEN: .* holds 3 files that could be the image$/);
  });
  it("as publishers make them is read", async () => {
    const small = Buffer.from("small");
    const files: Record<string, Buffer> = {
      "x.wic": image,
      "x.wic.bmap": Buffer.from("<bmap/>"),
      LICENSE: small,
      "README.md": small,
      SHA256SUMS: small,
      "._x.wic": small,
      ".DS_Store": small,
    };
    const path = writeSample("a.zip", zip(files));
    expectSame(await readImage(path, SIZE), image);
    const unnamed = { LICENSE: small, disk: image, "._disk": small };
    const other = writeSample("b.zip", zip(unnamed));
    expectSame(await readImage(other, SIZE), image);
  });
  it("with backslashes in its names is read", async () => {
    const bytes = rename(zip({ "os_a.img": image }), "os_a.img", "os\\a.img");
    expectSame(await readImage(writeSample("a.zip", bytes), SIZE), image);
  });
  it.each([
    ["notes.txt", Buffer.from("read me")],
    ["a.img.xz", Buffer.alloc(512)],
  ])(
    "that holds only %s is not an image, and not damaged",
    async (name, data) => {
      const found = await refusal(zip({ [name]: data }));
      expect(found).toContain("IMAGE_NOT_AN_IMAGE: ");
      expect(found).toContain(`holds "${name}", which is not the file`);
    },
  );
  it("that is encrypted is refused", async () => {
    expect(await refusal(zip({ "a.img": image }, "-P", "secret"))).toBe(
      "IMAGE_REFUSED: its entry a.img is encrypted",
    );
  });
  it("packed by another method is refused", async () => {
    expect(await refusal(zip({ "a.img": image }, "-Z", "bzip2"))).toContain(
      "is packed by method 12",
    );
  });
  it.each(["../evil.img", "/root/a.img", "a\\..\\b.img", "C:/aa.img"])(
    "with the name %s is refused",
    async (name) => {
      const data = zip({ ["n".repeat(name.length - 4) + ".img"]: image });
      const evil = rename(data, "n".repeat(name.length - 4) + ".img", name);
      expect(await refusal(evil)).toContain("a path that leaves its folder");
    },
  );
  it("with a long comment is read", async () => {
    const data = zip({ "a.img": image });
    const comment = Buffer.alloc(60_000, "PK\u0005\u0006");
    data.writeUInt16LE(comment.length, data.length - 2);
    const path = writeSample("a.zip", Buffer.concat([data, comment]));
    expectSame(await readImage(path, SIZE), image);
  });
  it("of zip64 form is read", async () => {
    const path = writeSample("a.zip", zip({ "a.img": image }, "-fz"));
    expectSame(await readImage(path, SIZE), image);
  });
  it("that claims billions of entries is refused at once", async () => {
    const data = zip({ "a.img": image }, "-fz");
    const end64 = data.lastIndexOf(Buffer.from("PK\u0006\u0006", "latin1"));
    if (end64 >= 0) {
      data.writeBigUInt64LE(2n ** 40n, end64 + 32);
      data.writeUInt16LE(0xffff, data.length - 12);
      expect(await refusal(data)).toContain("does not fit into the file");
    }
    expect(end64).toBeGreaterThan(0);
  });
  it("never hangs, whatever byte is wrong", async () => {
    const small = sampleImage(4096);
    const data = zip({ "a.img": small });
    for (let at = 0; at < data.length; at += 1) {
      if (at > 60 && at < data.length - 180 && at % 97 !== 0) {
        continue;
      }
      const bad = Buffer.from(data);
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      const outcome = await readImage(writeSample("a", bad), 4096).then(
        (read) => read.equals(small),
        (error: unknown) => (error instanceof Error ? error.name : "?"),
      );
      // What does not matter to the image (a date, a version) may be wrong.
      expect([true, "UserError"]).toContain(outcome);
    }
  });
});

describe("what is not an archive", () => {
  const outcome = async (work: Promise<unknown>) => {
    const error = await failureOf(work);
    return `${error.code} ${error.exitCode}: ${error.message}`;
  };

  it("a raw image is read, as a whole and in parts", async () => {
    const path = writeSample("a.img", image);
    expectSame(await readImage(path, SIZE), image);
    const part = await readImage(path, SIZE, [{ offset: 512, length: 1000 }]);
    expectSame(part.subarray(512, 1512), image.subarray(512, 1512));
    expect(part.subarray(1512).every((byte) => byte === 0)).toBe(true);
    const reader = await openImage(path);
    expect([reader.format, reader.size]).toEqual(["raw", SIZE]);
    expectSame(
      (await reader.source?.read(7, 100)) ?? Buffer.alloc(0),
      image.subarray(7, 107),
    );
    await reader.close();
  });
  it.each([
    "raw",
    "gzip",
    "single-block xz",
    "multi-block xz",
    "bzip2",
    "zstd",
    "zip",
  ])(
    "an image that ends within a sector is filled up, and that is said: %s",
    async (format) => {
      const bytes = image.subarray(0, SIZE - 1000);
      const path = writeSample("a.img", odd(format, bytes));
      const reader = await openImage(path);
      const whole = await collect(reader.chunks(), SIZE);
      expectSame(whole.subarray(0, bytes.length), bytes);
      expect(whole.subarray(bytes.length).every((byte) => byte === 0)).toBe(
        true,
      );
      expect([undefined, SIZE - 512]).toContain(reader.size);
      expect(reader.remarks?.()).toEqual([
        `the image has ${bytes.length} bytes, which is not a whole number of sectors; the last sector is filled up with zeros`,
      ]);
      if (reader.source !== undefined) {
        expectSame(
          await reader.source.read(SIZE - 1100, 588),
          Buffer.concat([bytes.subarray(-100), Buffer.alloc(488)]),
        );
        const part = [{ offset: SIZE - 4096, length: 4096 - 512 }];
        const tail = await collect(reader.chunks(part), SIZE);
        expectSame(tail.subarray(-1000), Buffer.alloc(1000));
        expectSame(
          tail.subarray(SIZE - 4096, -1000),
          bytes.subarray(SIZE - 4096),
        );
      }
      await reader.close();
    },
  );
  it("an empty file is damaged", async () => {
    const path = writeSample("a.img", Buffer.alloc(0));
    expect(await outcome(openImage(path))).toBe(
      `IMAGE_DAMAGED 4: ${path} is damaged: it is empty`,
    );
  });
  it("a folder is not an image", async () => {
    const folder = testFolder();
    mkdirSync(join(folder, "a.img"));
    expect(await outcome(openImage(join(folder, "a.img")))).toContain(
      "IMAGE_NOT_AN_IMAGE 2:",
    );
  });
  it("a device is not an image", async () => {
    expect(await outcome(openImage("/dev/zero"))).toContain(
      "a device, a pipe or a socket, not the file of a disk image",
    );
  });
  it("a missing file is told", async () => {
    expect(await outcome(openImage("/nowhere/a.img"))).toBe(
      "IMAGE_UNREADABLE 2: /nowhere/a.img does not exist",
    );
  });
  it("a text is not an image", async () => {
    const path = writeSample("a.img", Buffer.alloc(2048, "text\n"));
    expect(await outcome(openImage(path))).toContain("but a text");
  });
  it("a web page is named as such", async () => {
    const page = Buffer.from("<!DOCTYPE html><html><body>Log in");
    expect(await outcome(openImage(writeSample("a.img", page)))).toContain(
      "but a web page",
    );
    const error = await failureOf(openImage(writeSample("a.img.xz", page)));
    expect(error.message).toContain("although its name says so");
    expect(error.facts).toEqual(["it begins as a web page"]);
  });
});
