// The fast ways through an .xz file give byte for byte what `xz -dc` gives, and find what is wrong.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { openImage } from "../../src/image/open-image.ts";
import { normaliseRanges } from "../../src/image/range.ts";
import { planDecoding, xzChunks } from "../../src/image/xz-chunks.ts";
import {
  encodeIndex,
  streamFooter,
  streamHeader,
} from "../../src/image/xz-format.ts";
import { readXzIndex } from "../../src/image/xz-index.ts";
import { openXzLanes } from "../../src/image/xz-lanes.ts";
import { openXz } from "../../src/image/xz-reader.ts";
import { wrapRun } from "../../src/image/xz-run.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  collect,
  expectSame,
  failureOf,
  readImage,
  sampleImage,
  testFolder,
  writeSample,
  xz,
} from "./archive-samples.ts";

const plain = (path: string): Buffer =>
  spawnSync("xz", ["-dc", path], { maxBuffer: 2 ** 30 }).stdout;

/** Puts a program named xz in front of the real one. */
const withFake = (script: string): void => {
  const folder = testFolder();
  writeFileSync(join(folder, "xz"), `#!/bin/sh\n${script}\n`, {
    mode: 0o755,
  });
  const path = process.env["PATH"];
  process.env["PATH"] = `${folder}:${path}`;
  onTestFinished(() => {
    process.env["PATH"] = path;
  });
};

/** An .xz file of random streams, block sizes and checks; the image has whole sectors. */
const archive = fc
  .record({
    sectors: fc.integer({ min: 2, max: 600 }),
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    blocks: fc.tuple(
      fc.integer({ min: 4096, max: 70_000 }),
      fc.integer({ min: 4096, max: 70_000 }),
    ),
    checks: fc.tuple(
      fc.constantFrom("crc32", "crc64"),
      fc.constantFrom("crc64", "sha256"),
    ),
    padding: fc.constantFrom(0, 4, 512),
  })
  .map(({ sectors, seed, cut, blocks, checks, padding }) => {
    const image = sampleImage(sectors * 512, seed);
    const at = Math.floor(image.length * cut);
    const stream = (part: Buffer, which: 0 | 1) =>
      xz(part, `--block-size=${blocks[which]}`, `--check=${checks[which]}`);
    return {
      image,
      bytes: Buffer.concat([
        stream(image.subarray(0, at), 0),
        Buffer.alloc(padding),
        stream(image.subarray(at), 1),
      ]),
    };
  });

const share = fc.double({ min: 0, max: 1, noNaN: true });

const rangesOf = (size: number, pairs: readonly (readonly number[])[]) =>
  normaliseRanges(
    pairs.map(([a = 0, b = 0]) => {
      const offset = Math.floor(a * (size - 1));
      return { offset, length: Math.ceil(b * (size - offset) * 0.3) };
    }),
  );

describeWithTools(["xz"], "decoding an .xz file in parallel", () => {
  it("gives what xz -dc gives, whatever the blocks, runs and lanes", async () => {
    await fc.assert(
      fc.asyncProperty(
        archive,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 200_000 }),
        fc.array(fc.tuple(share, share), { maxLength: 6 }),
        async ({ image, bytes }, lanes, slots, runSize, pairs) => {
          const path = writeSample("a.xz", bytes);
          const file = await open(path, "r");
          const index = await readXzIndex(path, file);
          const chunks = (ranges?: ReturnType<typeof rangesOf>) =>
            collect(
              xzChunks({ path, file, index }, ranges, {
                lanes,
                slots,
                runSize,
              }),
              image.length,
            );
          expectSame(plain(path), image);
          expectSame(await chunks(), image);
          const ranges = rangesOf(image.length, pairs);
          const part = await chunks(ranges);
          for (const { offset, length } of ranges) {
            expectSame(
              part.subarray(offset, offset + length),
              image.subarray(offset, offset + length),
            );
          }
          await file.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it("decodes only the blocks that hold what is wanted", async () => {
    const image = sampleImage(40 * 4096);
    const path = writeSample("a.xz", xz(image, "--block-size=4KiB"));
    const reader = await openXz(path);
    const offsets: number[] = [];
    const ranges = [
      { offset: 4096, length: 1 },
      { offset: 3 * 4096 - 1, length: 2 },
      { offset: 20 * 4096, length: 4096 },
    ];
    for await (const { offset, data } of reader.chunks(ranges)) {
      offsets.push(offset / 4096, (offset + data.length) / 4096);
    }
    await reader.close();
    expect(offsets).toEqual([1, 4, 20, 21]);
  });

  it("leaves nothing behind in memory", async () => {
    const image = sampleImage(40 * 4096);
    const path = writeSample("a.xz", xz(image, "--block-size=4KiB"));
    await readImage(path, image.length);
    expect(slotFolders(process.pid)).toEqual([]);
  });

  /** A process of its own that decodes the first blocks and then waits. */
  const startReader = async (path: string) => {
    const module = join(import.meta.dirname, "../../src/image/xz-reader.ts");
    const script = `
      const { openXz } = await import(${JSON.stringify(module)});
      const reader = await openXz(${JSON.stringify(path)});
      for await (const chunk of reader.chunks()) {
        console.log(chunk.offset);
        await new Promise(() => setInterval(() => undefined, 1000));
      }`;
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { stdio: ["ignore", "pipe", "inherit"], detached: true },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    return child;
  };

  it.each([
    ["killed", "SIGKILL", 1],
    ["ended with its whole group", "SIGTERM", -1],
  ] as const)(
    "leaves nothing behind when it is %s",
    async (_, signal, sign) => {
      // More runs than are decoded ahead, and slow enough that the decoders are at work when the end comes.
      const image = Buffer.alloc(80 * 2 ** 20);
      const path = writeSample("a.xz", xz(image, "-0", "--block-size=1MiB"));
      withFake(`PATH=${process.env["PATH"]}; sleep 0.5; exec xz "$@"`);
      const child = await startReader(path);
      const pid = child.pid ?? 0;
      onTestFinished(() => {
        child.kill("SIGKILL");
      });
      expect(slotFolders(pid).length).toBe(1);
      process.kill(sign * pid, signal);
      await expect
        .poll(() => slotFolders(pid), { timeout: 10_000 })
        .toEqual([]);
    },
  );

  it("removes what others left when everything was killed", async () => {
    const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const gone = spawnSync("true").pid;
    const folder = (pid: number) => join(parent, `pi-image-xz-${pid}-test`);
    const old = Date.now() / 1000 - 2 * 3600;
    for (const pid of [gone, process.pid]) {
      mkdirSync(folder(pid));
      writeFileSync(join(folder(pid), "0.out"), "decoded");
      utimesSync(folder(pid), old, old);
    }
    await readImage(
      writeSample("a.xz", xz(sampleImage(65_536), "--block-size=4KiB")),
      65_536,
    );
    // Where memory has no folder of its own, the system cleans up.
    expect(existsSync(folder(gone))).toBe(parent !== "/dev/shm");
    expect(existsSync(folder(process.pid))).toBe(true);
    rmSync(folder(gone), { recursive: true, force: true });
    rmSync(folder(process.pid), { recursive: true });
  });
});

/** Folders with decoded blocks of a process that is alive or was. */
const slotFolders = (pid: number): string[] =>
  ["/dev/shm", process.env["TMPDIR"] ?? "/tmp"].flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) =>
        name.startsWith(`pi-image-xz-${pid}-`),
      );
    } catch {
      return [];
    }
  });

describeWithTools(["xz"], "reading an .xz file at any place", () => {
  it("gives the bytes of the image", async () => {
    await fc.assert(
      fc.asyncProperty(
        archive,
        fc.array(fc.tuple(share, share), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async ({ image, bytes }, pairs, together) => {
          const reader = await openXz(writeSample("a.xz", bytes));
          const source = reader.source;
          if (source === undefined) {
            // Both halves fit into one block.
            expect(image.length).toBeLessThan(140_000);
            await reader.close();
            return;
          }
          const reads = pairs.map(([a, b]) => {
            const offset = Math.floor(a * image.length);
            const length = Math.floor(b * (image.length - offset));
            return { offset, length };
          });
          const check = async (read: (typeof reads)[number]) => {
            expectSame(
              await source.read(read.offset, read.length),
              image.subarray(read.offset, read.offset + read.length),
            );
          };
          if (together) {
            await Promise.all(reads.map(check));
          } else {
            for (const read of reads) {
              await check(read);
            }
          }
          await reader.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("gives bytes that the receiver may change", async () => {
    const image = sampleImage(8 * 4096);
    const reader = await openXz(
      writeSample("a.xz", xz(image, "--block-size=4KiB")),
    );
    const first = await reader.source?.read(0, 9000);
    first?.fill(0);
    const again = await reader.source?.read(0, 9000);
    expectSame(again ?? Buffer.alloc(0), image.subarray(0, 9000));
    await reader.close();
  });

  it("refuses to go beyond the end, and goes on after damage", async () => {
    const image = sampleImage(8 * 4096);
    const bytes = xz(image, "--block-size=4KiB");
    // The index takes some 40 bytes; the block in front of it is the last one.
    const at = bytes.length - 80;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const reader = await openXz(writeSample("a.xz", bytes));
    await expect(reader.source?.read(8 * 4096 - 1, 2)).rejects.toThrow(
      RangeError,
    );
    for (const _ of [1, 2]) {
      const error = await failureOf(
        reader.source?.read(0, image.length) ?? Promise.resolve(),
      );
      expect(error.message).toContain("block 8 of 8");
    }
    expectSame(
      (await reader.source?.read(0, 4096)) ?? Buffer.alloc(0),
      image.subarray(0, 4096),
    );
    await reader.close();
  });
});

describeWithTools(["xz"], "damage inside an .xz file", () => {
  it("is found in every block, and named", async () => {
    const image = sampleImage(20 * 4096);
    const good = xz(image, "--block-size=4KiB");
    const path = writeSample("good.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    for (let block = 0; block < index.blocks; block += 1) {
      const bad = Buffer.from(good);
      const at =
        (index.fileOffset[block] ?? 0) +
        Math.floor((index.stored[block] ?? 0) / 2);
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      const error = await failureOf(
        readImage(writeSample("bad.xz", bad), image.length),
      );
      expect(`${error.code} ${error.message}`).toContain(
        `is damaged: block ${block + 1} of 20 (bytes ${block * 4096} to ${(block + 1) * 4096} of the image) cannot be decoded`,
      );
      expect(error.code).toBe("IMAGE_DAMAGED");
    }
  });

  it("is found when the index tells other sizes than the blocks", async () => {
    const good = xz(sampleImage(20_480), "--block-size=4KiB", "--threads=2");
    const path = writeSample("a.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    // The sum is right, and so are all checksums; one byte is told to be of the next block.
    const records = Array.from({ length: index.blocks }, (_, block) => ({
      stored: index.stored[block] ?? 0,
      decoded: block === 2 ? 4095 : 4096 + (block === 3 ? 1 : 0),
    }));
    const end = good.length - 12 - encodeIndex(records).length;
    const lying = encodeIndex(records);
    const bad = Buffer.concat([
      good.subarray(0, end),
      lying,
      streamFooter(4, lying.length),
    ]);
    const error = await failureOf(readImage(writeSample("b.xz", bad), 20_480));
    expect(error.message).toContain("block 3 of 5");
  });

  it("that decodes to far more than the index says ends at the limit", async () => {
    const parts = [
      xz(sampleImage(16_384), "--threads=1"),
      // Its header tells no size, as xz writes it with one thread. No zeros: xz would leave holes for them.
      xz(Buffer.alloc(96 * 1024 * 1024, 1), "--threads=1"),
      xz(sampleImage(16_384), "--threads=1"),
    ];
    const blocks: Buffer[] = [];
    const records: { readonly stored: number; readonly decoded: number }[] = [];
    for (const part of parts) {
      const file = await open(writeSample("part.xz", part), "r");
      const index = await readXzIndex("part.xz", file);
      await file.close();
      const stored = index.stored[0] ?? 0;
      blocks.push(part.subarray(12, 12 + Math.ceil(stored / 4) * 4));
      records.push({ stored, decoded: 16_384 });
    }
    const index = encodeIndex(records);
    const bomb = Buffer.concat([
      parts[0]?.subarray(0, 12) ?? Buffer.alloc(0),
      ...blocks,
      index,
      streamFooter(4, index.length),
    ]);
    const error = await failureOf(
      readImage(writeSample("bomb.xz", bomb), 3 * 16_384),
    );
    expect(error.message).toContain("block 2 of 3");
    expect(error.facts.join("; ")).toContain(
      "more bytes came than the index says",
    );
  });

  it("that asks for gigabytes of memory is refused", async () => {
    const image = sampleImage(64 * 1024);
    const huge = xz(image, "--lzma2=dict=1GiB", "--block-size=16KiB");
    const error = await failureOf(
      readImage(writeSample("a.xz", huge), image.length),
    );
    expect(error.code).toBe("IMAGE_DAMAGED");
    expect(error.facts.join(" ")).toContain("Memory usage limit");
  });

  it("by a filter that does not exist is named", async () => {
    const image = sampleImage(64 * 1024);
    const good = xz(image, "--block-size=16KiB");
    const bad = Buffer.from(good);
    const path = writeSample("a.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    const at = index.fileOffset[1] ?? 0;
    const header = ((bad[at] ?? 0) + 1) * 4;
    const place = bad.indexOf(0x21, at + 2);
    bad[place] = 0x3f;
    bad.writeUInt32LE(
      crc32(bad.subarray(at, at + header - 4)),
      at + header - 4,
    );
    const error = await failureOf(
      readImage(writeSample("b.xz", bad), image.length),
    );
    expect(error.message).toContain("block 2 of 4");
    expect(error.facts.join(" ")).toContain("Unsupported");
  });

  it("in a check of an unknown kind is refused", async () => {
    const index = encodeIndex([{ stored: 8, decoded: 512 }]);
    const header = streamHeader(4);
    const footer = streamFooter(4, index.length);
    header[7] = 3;
    header.writeUInt32LE(crc32(header.subarray(6, 8)), 8);
    footer[9] = 3;
    footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
    const bytes = Buffer.concat([header, Buffer.alloc(8), index, footer]);
    const error = await failureOf(openImage(writeSample("a.xz", bytes)));
    expect(`${error.code} ${error.message}`).toContain("unknown kind 3");
  });
});

describeWithTools(["xz"], "a decoder that fails by itself", () => {
  const bytes = () => xz(sampleImage(64 * 1024), "--block-size=16KiB");

  it.each([
    ["several blocks", ["--block-size=16KiB"]],
    ["one block", []],
  ])("by a signal is not taken for damage of %s", async (_, options) => {
    const path = writeSample("a.xz", xz(sampleImage(64 * 1024), ...options));
    withFake("kill -9 $$");
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.code).toBe("TOOL_FAILED");
    expect(error.message).toMatch(/^xz was stopped by (signal 9|SIGKILL)$/);
  });

  it("for lack of room is not taken for damage", async () => {
    const path = writeSample("a.xz", bytes());
    withFake(
      'echo "xz: (stdout): Write error: No space left on device" >&2; exit 1',
    );
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.code).toBe("DISK_FULL");
    expect(error.hint).toContain("TMPDIR");
  });

  it("by giving too little is found", async () => {
    const path = writeSample("a.xz", bytes());
    withFake("echo short");
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.facts).toContain("6 bytes came instead of 16384");
  });

  it("gets files on a disk where memory has no room", async () => {
    const image = sampleImage(64 * 1024);
    const path = writeSample("a.xz", xz(image, "--block-size=16KiB"));
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    const folder = testFolder();
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    const decoder = await openXzLanes(file, {
      lanes: 1,
      slots: 1,
      room: 2 ** 50,
    });
    if (before === undefined) {
      delete process.env["TMPDIR"];
    } else {
      process.env["TMPDIR"] = before;
    }
    expect(readdirSync(folder).length).toBe(1);
    const run = await decoder.decode(
      wrapRun(index, { first: 1, end: 3 }),
      32_768,
    );
    const decoded = Buffer.alloc(32_768);
    await run.read(0, decoded);
    expectSame(decoded, image.subarray(16_384, 49_152));
    run.release();
    await decoder.close();
    await file.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

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

describe("the plan of decoding", () => {
  const MiB = 2 ** 20;
  const plans = (limit: number, ...sizes: number[]) =>
    sizes.map((size) => {
      const plan = planDecoding(size * MiB, limit);
      return plan === undefined
        ? "stream"
        : `${plan.lanes} lanes, ${plan.slots} slots, ${plan.runSize / MiB} MiB`;
    });

  it("uses every core for small blocks, and fewer for large ones", () => {
    expect(plans(4, 1, 8, 16, 24, 32, 192)).toEqual([
      "4 lanes, 6 slots, 4 MiB",
      "4 lanes, 6 slots, 4 MiB",
      "2 lanes, 3 slots, 4 MiB",
      "2 lanes, 2 slots, 4 MiB",
      "stream",
      "stream",
    ]);
    expect(plans(2, 1, 24)).toEqual([
      "2 lanes, 4 slots, 8 MiB",
      "2 lanes, 2 slots, 8 MiB",
    ]);
    expect(plans(1, 1, 40, 64)).toEqual([
      "1 lanes, 3 slots, 8 MiB",
      "1 lanes, 1 slots, 8 MiB",
      "stream",
    ]);
  });
});
