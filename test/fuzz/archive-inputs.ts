// Archives: opened, read in parts, and read to the end, by the decoders that a flash uses.
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";
import { openImage } from "../../src/image/archive/open-image.ts";
import {
  EDGE_SIZE,
  encodeIndex,
  streamFooter,
  streamHeader,
} from "../../src/image/archive/xz/xz-format.ts";
import type { FuzzInput } from "./fuzz-input.ts";
import type { Mutation } from "./mutate.ts";

/** Text, zeros and noise by turns behind an MBR with one Linux partition. */
const image = (size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let at = 4096; at + 8192 <= size; at += 12_288) {
    bytes.fill(`line ${at} of a file\n`, at, at + 4096);
    for (let noise = at + 4096; noise < at + 8192; noise += 4) {
      bytes.writeUInt32LE(Math.imul(noise, 0x9e3779b1) >>> 0, noise);
    }
  }
  bytes.writeUInt8(0x83, 450);
  bytes.writeUInt32LE(8, 454);
  bytes.writeUInt32LE(size / 512 - 8, 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
};

const IMAGE = image(192 * 1024);

const compress = (
  tool: string,
  args: readonly string[],
  input: Buffer = IMAGE,
): Buffer => {
  const made = spawnSync(tool, args, { input, maxBuffer: 2 ** 28 });
  if (made.status !== 0) {
    throw new Error(`${tool}: ${made.stderr.toString()}`);
  }
  return made.stdout;
};

/** Bytes of a decoded image beyond which a case is stopped, as a full card would stop it. */
const ENOUGH = 64 * 1024 * 1024;

const readArchive = async (path: string, choice: number): Promise<string> => {
  const reader = await openImage(path);
  try {
    const { source } = reader;
    if (source !== undefined) {
      for (const at of [0, choice % 0xffff, source.size - 513]) {
        const offset = Math.max(0, Math.min(at, source.size - 512));
        await source.read(offset, 512);
      }
    }
    let end = 0;
    for await (const { offset, data } of reader.chunks()) {
      if (offset < end) {
        throw new Error(`a chunk at ${offset} comes behind ${end}`);
      }
      end = offset + data.length;
      if (end > ENOUGH) {
        return `${reader.format}: stopped`;
      }
    }
    if (reader.size !== undefined && end !== reader.size) {
      throw new Error(`${end} bytes came, ${reader.size} were told`);
    }
    return `${reader.format}: read`;
  } finally {
    await reader.close();
  }
};

/** Everything that tells its end in fixed places at the end and at the start. */
const edges = (bytes: Buffer, length: number): readonly number[] => [
  ...Array.from({ length }, (_, at) => at),
  ...Array.from({ length }, (_, at) => bytes.length - 1 - at),
];

/** Right checksums for the header, the index and the footer of the last stream, wherever the footer says they are. */
const repairXz = (bytes: Buffer): Buffer => {
  if (bytes.length < 2 * EDGE_SIZE) {
    return bytes;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(6, 8)), 8);
  const footer = bytes.length - EDGE_SIZE;
  const start = footer - (bytes.readUInt32LE(footer + 4) + 1) * 4;
  if (start >= EDGE_SIZE) {
    const end = footer - 4;
    bytes.writeUInt32LE(crc32(bytes.subarray(start, end)), end);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(footer + 4, footer + 10)), footer);
  return bytes;
};

const xz = (...args: readonly string[]): Buffer =>
  compress("xz", ["--compress", "--stdout", ...args]);

/** A file whose index is sound and lies. */
const lyingXz = (
  records: readonly { readonly stored: number; readonly decoded: number }[],
  blocks: Buffer,
): Buffer => {
  const index = encodeIndex(records);
  return Buffer.concat([
    streamHeader(4),
    blocks,
    index,
    streamFooter(4, index.length),
  ]);
};

const many = <Item>(count: number, item: Item): Item[] =>
  Array.from({ length: count }, () => item);

const withTools = process.env["PATH"] ?? "";

export const XZ: FuzzInput = {
  cases: 120,
  prepare: async (folder) => {
    const path = join(folder, "image.img.xz");
    const whole = [
      xz("--block-size=16KiB"),
      xz(),
      Buffer.concat([xz("--block-size=64KiB"), Buffer.alloc(8), xz()]),
      xz("--check=sha256", "--block-size=64KiB"),
      xz("--check=none", "--x86", "--lzma2"),
    ];
    return {
      samples: whole.map((bytes) => ({
        bytes,
        fields: edges(bytes, 120),
        repair: repairXz,
      })),
      extremes: [
        lyingXz(
          many(65_536, { stored: 16, decoded: 0 }),
          Buffer.alloc(2 ** 20),
        ),
        lyingXz(many(4, { stored: 16, decoded: 2 ** 38 }), Buffer.alloc(64)),
        lyingXz(
          many(2 ** 17, { stored: 8, decoded: 2 ** 20 }),
          Buffer.alloc(2 ** 20),
        ),
        lyingXz([{ stored: 8, decoded: 2 ** 52 }], Buffer.alloc(8)),
        // Bombs: zeros in one block, and in blocks.
        compress("sh", ["-c", "head -c 128M /dev/zero | xz -0 -T1"]),
        compress("sh", [
          "-c",
          "head -c 128M /dev/zero | xz -0 --block-size=8MiB",
        ]),
        Buffer.concat(many(3000, compress("xz", ["-c"], Buffer.alloc(0)))),
      ],
      run: async (bytes, { choice }: Mutation) => {
        await writeFile(path, bytes);
        // Where there is no xz program, the built-in decoder takes its place.
        const builtIn = choice % 4 !== 0;
        process.env["PATH"] = builtIn ? "/nowhere" : withTools;
        try {
          return `${builtIn ? "built-in" : "xz"}, ${await readArchive(path, choice)}`;
        } finally {
          process.env["PATH"] = withTools;
        }
      },
    };
  },
};

const plain = (
  name: string,
  cases: number,
  samples: () => readonly Buffer[],
  extremes: () => readonly Buffer[],
): FuzzInput => ({
  cases,
  prepare: async (folder) => {
    const path = join(folder, name);
    return {
      samples: samples().map((bytes) => ({ bytes, fields: edges(bytes, 90) })),
      extremes: extremes(),
      run: async (bytes, { choice }) => {
        await writeFile(path, bytes);
        return readArchive(path, choice);
      },
    };
  },
});

/** Blocks of no bytes, each with the three bytes of its header; the last one ends the frame. */
const emptyZstdBlocks = (count: number): Buffer => {
  const blocks = Buffer.alloc(count * 3);
  blocks[blocks.length - 3] = 1;
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]),
    blocks,
  ]);
};

export const ZSTD: FuzzInput = plain(
  "image.img.zst",
  100,
  () => [
    compress("zstd", ["-c", "--check", "-q"]),
    compress("zstd", ["-c", "-q", `--stream-size=${IMAGE.length}`]),
    Buffer.concat([
      Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
      compress("zstd", ["-c", "-q"]),
      compress("zstd", ["-c", "-q"]),
    ]),
  ],
  () => [
    compress("sh", ["-c", "head -c 128M /dev/zero | zstd -q -c"]),
    emptyZstdBlocks(8_000_000),
    Buffer.concat(
      many(300_000, Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])),
    ),
  ],
);

export const GZIP: FuzzInput = plain(
  "image.img.gz",
  200,
  () => [
    gzipSync(IMAGE),
    Buffer.concat([gzipSync(IMAGE), gzipSync(IMAGE), Buffer.alloc(1024)]),
    gzipSync(IMAGE, { level: 0 }),
  ],
  () => [
    compress("sh", ["-c", "head -c 128M /dev/zero | gzip -1"]),
    Buffer.concat(many(100_000, gzipSync(Buffer.alloc(0)))),
  ],
);

const zip = (args: string): Buffer =>
  compress("sh", ["-c", `cat > base.img && zip -q ${args} - base.img`]);

export const ZIP: FuzzInput = plain(
  "image.zip",
  250,
  () => [
    zip("-1"),
    zip("-0"),
    zip("-fz"),
    compress("zip", ["-q", "-", "-"]),
    compress("sh", [
      "-c",
      "cat > a.img && echo hello > b.txt && zip -q - a.img b.txt",
    ]),
  ],
  () => {
    const good = zip("-1");
    const directory = good.readUInt32LE(good.length - 6);
    const entry = good.subarray(directory, good.length - 22);
    const end = Buffer.from(good.subarray(-22));
    const entries = Buffer.concat(many(9000, Buffer.from(entry)));
    end.writeUInt16LE(9000, 8);
    end.writeUInt16LE(9000, 10);
    end.writeUInt32LE(entries.length, 12);
    return [
      Buffer.concat([good.subarray(0, directory), entries, end]),
      compress("sh", [
        "-c",
        "head -c 128M /dev/zero > z.img && zip -1 -q - z.img; rm z.img",
      ]),
    ];
  },
);
