// The index of .xz files: equal to what `xz --list` says, and lies in it found before anything is decoded.
import { spawnSync } from "node:child_process";
import { open } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  encodeIndex,
  streamFooter,
  streamHeader,
} from "../../src/image/archive/xz/xz-format.ts";
import { readXzIndex } from "../../src/image/archive/xz/xz-index.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { sampleImage, writeSample, xz } from "./archive-samples.ts";
import { fc } from "../support/seeded.ts";

const indexOf = async (bytes: Buffer) => {
  const path = writeSample("a.xz", bytes);
  const file = await open(path, "r");
  try {
    return await readXzIndex(path, file);
  } finally {
    await file.close();
  }
};

/** Offset in the file, decoded offset, stored size and check of each block, as the xz program lists them. */
const listed = (path: string) => {
  const { stdout } = spawnSync("xz", ["--robot", "--list", "-vv", path]);
  const rows = stdout
    .toString()
    .split("\n")
    .map((line) => line.split("\t"));
  return rows
    .filter(([kind]) => kind === "block")
    .map((row) => [Number(row[4]), Number(row[5]), Number(row[6]), row[9]]);
};

const pieces = fc.array(
  fc.record({
    size: fc.integer({ min: 0, max: 60_000 }),
    block: fc.constantFrom("4KiB", "10000", "1MiB"),
    check: fc.constantFrom("crc32", "crc64", "sha256", "none"),
    padding: fc.constantFrom(0, 4, 4096),
  }),
  { minLength: 1, maxLength: 4 },
);

describeWithTools(["xz"], "the index of an .xz file", () => {
  it("is what xz lists, for any streams, blocks and padding", async () => {
    const names: Readonly<Record<number, string>> = {
      0: "None",
      1: "CRC32",
      4: "CRC64",
      10: "SHA-256",
    };
    await fc.assert(
      fc.asyncProperty(pieces, async (streams) => {
        const bytes = Buffer.concat(
          streams.flatMap(({ size, block, check, padding }, seed) => [
            xz(
              sampleImage(Math.max(size, 512), seed + 1).subarray(0, size),
              `--block-size=${block}`,
              `--check=${check}`,
            ),
            Buffer.alloc(padding),
          ]),
        );
        const index = await indexOf(bytes);
        const ours = Array.from({ length: index.blocks }, (_, block) => [
          index.fileOffset[block],
          index.start[block],
          Math.ceil((index.stored[block] ?? 0) / 4) * 4,
          names[index.check[block] ?? -1],
        ]);
        const theirs = listed(writeSample("b.xz", bytes));
        expect(ours).toEqual(theirs);
        expect(index.streams).toBe(streams.length);
        expect(index.size).toBe(
          streams.reduce((sum, each) => sum + each.size, 0),
        );
      }),
      { numRuns: 15 },
    );
  });

  it("refuses every file that is cut", async () => {
    const whole = Buffer.concat([
      xz(sampleImage(5000).subarray(0, 4500), "--block-size=4KiB"),
      Buffer.alloc(8),
      xz(sampleImage(600), "--block-size=4KiB"),
    ]);
    const first = whole.indexOf(Buffer.alloc(8), 600);
    for (let length = 1; length < whole.length; length += 1) {
      const cut = indexOf(whole.subarray(0, length));
      const isStream = await cut.then(
        (index) => index.streams === 1,
        () => false,
      );
      if (isStream) {
        // A file cut behind its first stream, or in that stream's padding, is a whole file.
        expect(length).toBeGreaterThan(first - 16);
        expect(whole.subarray(first, length)).toEqual(
          Buffer.alloc(Math.max(length - first, 0)),
        );
      } else {
        expect((await failureOf(cut)).code).toBe("IMAGE_DAMAGED");
      }
    }
  });

  it("finds any wrong byte in header, index and footer", async () => {
    const good = xz(sampleImage(30_000), "--block-size=4KiB");
    const index = await indexOf(good);
    const last = index.blocks - 1;
    const end =
      (index.fileOffset[last] ?? 0) +
      Math.ceil((index.stored[last] ?? 0) / 4) * 4;
    const places = [...Array(12).keys()];
    for (let at = end; at < good.length; at += 1) {
      places.push(at);
    }
    for (const at of places) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x04;
      expect((await failureOf(indexOf(bad))).code).toBe("IMAGE_DAMAGED");
    }
  });
});

describe("an index that lies", () => {
  const file = (
    records: readonly { stored: number; decoded: number }[],
    blocks: Buffer,
  ) => {
    const index = encodeIndex(records);
    return Buffer.concat([
      streamHeader(4),
      blocks,
      index,
      streamFooter(4, index.length),
    ]);
  };
  const refusal = async (bytes: Buffer) => {
    const error = await failureOf(indexOf(bytes));
    return `${error.code} ${error.exitCode}: ${error.message.replace(/^.*?: /, "")}`;
  };

  it("about the decoded size is refused beyond 1 TiB", async () => {
    expect(
      await refusal(file([{ stored: 8, decoded: 2 ** 41 }], Buffer.alloc(8))),
    ).toBe("IMAGE_REFUSED 4: it claims to unpack to more than 1 TiB");
  });
  it("about the decoded size is refused when only the sum is too large", async () => {
    const records = Array.from({ length: 3 }, () => ({
      stored: 8,
      decoded: 2 ** 39,
    }));
    expect(await refusal(file(records, Buffer.alloc(24)))).toContain("1 TiB");
  });
  it("about stored sizes leads to no stream", async () => {
    for (const stored of [8, 12, 20, 10_000]) {
      expect(
        await refusal(file([{ stored, decoded: 512 }], Buffer.alloc(16))),
      ).toContain("does not fit the file");
    }
  });
  it("with far more stored than decoded bytes is broken", async () => {
    for (const stored of [100_000, 2 ** 52]) {
      expect(
        await refusal(file([{ stored, decoded: 512 }], Buffer.alloc(100_000))),
      ).toContain(`block 1 is said to hold 512 bytes in ${stored}`);
    }
  });
  it("with a block that is too small to be one is broken", async () => {
    expect(
      await refusal(file([{ stored: 4, decoded: 512 }], Buffer.alloc(4))),
    ).toContain("the entry of block 1 is not valid");
  });
  it("with more blocks than memory should hold is refused", async () => {
    const count = 2 ** 20 + 1;
    const records = Array.from({ length: count }, () => ({
      stored: 8,
      decoded: 1,
    }));
    expect(await refusal(file(records, Buffer.alloc(8)))).toBe(
      "IMAGE_REFUSED 4: it has more than 1048576 blocks",
    );
  });
  it("that is followed by megabytes of zeros is whole", async () => {
    const good = file([{ stored: 8, decoded: 512 }], Buffer.alloc(8));
    expect((await indexOf(good)).blocks).toBe(1);
    const padded = Buffer.concat([good, Buffer.alloc(3 * 2 ** 20 + 1)]);
    expect(await indexOf(padded)).toMatchObject({
      blocks: 1,
      end: good.length,
    });
  });
});
