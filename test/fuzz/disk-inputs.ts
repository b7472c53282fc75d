// What a base image is made of: partition tables and file systems, read as a build reads them.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mapUsed } from "../../src/image/block-map.ts";
import { renderBmap } from "../../src/image/bmap.ts";
import { crc32c } from "../../src/image/crc.ts";
import { diskIdOf } from "../../src/image/disk-identity.ts";
import { editFat } from "../../src/image/edit-fat.ts";
import { findRootPartition } from "../../src/image/find-partitions.ts";
import { makeNodePatch, prepareBase } from "../../src/image/node-patch.ts";
import { readPartitionTable } from "../../src/image/partition-table.ts";
import { patchedSource } from "../../src/image/patch.ts";
import { rangeEnd } from "../../src/image/range.ts";
import { bufferSource, type Source } from "../../src/image/source.ts";
import { makeMbr } from "../image/make-image.ts";
import type { FuzzInput } from "./fuzz-input.ts";
import type { Sample } from "./mutate.ts";

const NOW = new Date("2026-11-20T10:00:00Z");
const MIB = 1024 * 1024;

const tool = (name: string, ...args: readonly string[]): void => {
  const done = spawnSync(name, args);
  if (done.status !== 0) {
    throw new Error(`${name}: ${done.stderr.toString()}`);
  }
};

/** A disk that holds little, and reads as `fill` says everywhere else. */
const hugeDisk = (
  size: number,
  start: Buffer,
  fill: (block: number) => number,
): Source => ({
  size,
  read: async (offset, length) => {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const block = Math.floor((offset + at) / 4096);
      const end = Math.min((block + 1) * 4096 - offset, length);
      bytes.fill(fill(block), at, end);
      at = end;
    }
    start.copy(bytes, 0, Math.min(offset, start.length));
    return bytes;
  },
  close: async () => undefined,
});

/** A new file of this size, given to a tool that makes a file system in it. */
const made = (size: number, make: (path: string) => void): Buffer => {
  const path = "file-system.img";
  writeFileSync(path, "");
  truncateSync(path, size);
  make(path);
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
};

/** A source that refuses to be asked for more at once than any reader of metadata needs. */
const watched = (source: Source): Source => ({
  ...source,
  read: (offset, length) => {
    if (!Number.isSafeInteger(offset) || !(length <= 64 * MIB)) {
      throw new Error(`asked for ${length} bytes at ${offset}`);
    }
    return source.read(offset, length);
  },
});

const checkMap = async (source: Source): Promise<string> => {
  const { ranges, notes } = await mapUsed(source);
  let end = -1;
  for (const range of ranges) {
    if (range.offset <= end || range.offset % 4096 !== 0) {
      throw new Error(`the range at ${range.offset} does not follow ${end}`);
    }
    end = rangeEnd(range);
  }
  if (end > source.size) {
    throw new Error(`the map ends at ${end} of ${source.size}`);
  }
  renderBmap({
    imageSize: source.size,
    ranges: ranges.map((range) => ({ ...range, sha256: "" })),
  });
  return notes.length === 0 ? "mapped" : "kept whole";
};

const ENTRIES = Array.from({ length: 66 }, (_, at) => 446 + at);

const gptDisk = (): Buffer =>
  made(MIB, (path) => {
    const done = spawnSync("sfdisk", ["-q", path], {
      input: "label: gpt\nstart=64, size=512, name=boot\nstart=640\n",
    });
    if (done.status !== 0) {
      throw new Error(done.stderr.toString());
    }
  });

export const PARTITION_TABLES: FuzzInput = {
  cases: 500,
  prepare: async () => {
    const mbr = Buffer.alloc(256 * 1024);
    mbr.set(
      makeMbr([
        { type: 0x0c, offset: 4096, length: 65_536 },
        { type: 0x83, offset: 69_632, length: 131_072 },
      ]),
    );
    const gpt = gptDisk();
    return {
      samples: [
        { bytes: mbr, fields: ENTRIES },
        {
          bytes: gpt,
          fields: [
            ...ENTRIES,
            ...Array.from({ length: 92 }, (_, at) => 512 + at),
            ...Array.from({ length: 256 }, (_, at) => 1024 + at),
          ],
        },
      ],
      run: async (bytes) => {
        const source = watched(bufferSource(bytes));
        await checkMap(source);
        const table = await readPartitionTable(source);
        await findRootPartition(source, table);
        return "read";
      },
    };
  },
};

const START = 4096;
const VOLUME = 4 * MIB;

const behindMbr = (type: number, volume: Buffer): Buffer => {
  const prefix = Buffer.alloc(START);
  prefix.set(makeMbr([{ type, offset: START, length: volume.length }]));
  return Buffer.concat([prefix, volume]);
};

/** As long as before, so that the partition table still fits. */
const resize = (bytes: Buffer, length: number): Buffer => {
  const whole = Buffer.alloc(length);
  whole.set(bytes.subarray(0, length));
  return whole;
};

/** Copies the first FAT over the others, as the boot sector places them. */
const repairFat = (damaged: Buffer): Buffer => {
  const bytes = resize(damaged, START + VOLUME);
  const boot = bytes.subarray(START);
  const sector = boot.readUInt16LE(11);
  const start = boot.readUInt16LE(14) * sector;
  const length = boot.readUInt32LE(36) * sector;
  for (let copy = 1; copy < boot.readUInt8(16); copy += 1) {
    boot
      .subarray(start, start + length)
      .copy(boot.subarray(start + copy * length));
  }
  return bytes;
};

const ENTRY_OF_FOLDER = "CURRENT    ";

/** A small FAT32 volume with files and a folder. mtools would take it for FAT16, so our own editor fills it. */
const fatVolume = async (sectors: number): Promise<Buffer> => {
  const empty = made(VOLUME, (path) =>
    tool("mkfs.vfat", "-F", "32", "-s", String(sectors), "-n", "BOOT", path),
  );
  const image = behindMbr(0x0c, empty);
  const { fat } = await prepareBase(bufferSource(image));
  const inFolder = Buffer.alloc(96);
  inFolder.write(".          \x10", 0, "latin1");
  inFolder.write("..         \x10", 32, "latin1");
  inFolder.write("STATE   TXT\x20", 64, "latin1");
  const { patch } = await editFat(fat, NOW, (volume) => {
    const text = (name: string, content: string) =>
      volume.writeFile(name, Buffer.from(content));
    text("config.txt", "[all]\nkernel=vmlinuz\narm_64bit=1\n");
    text("cmdline.txt", "console=tty1 root=LABEL=writable\n");
    text("user-data", "#cloud-config\n".repeat(300));
    text("a long name of an overlay.dtbo", "x".repeat(20_000));
    volume.writeFile("current", inFolder);
  });
  for (const { offset, data } of patch) {
    image.set(data, offset);
  }
  const entry = image.indexOf(ENTRY_OF_FOLDER, 0, "latin1");
  image.writeUInt8(0x10, entry + 11);
  image.writeUInt32LE(0, entry + 28);
  return image.subarray(START);
};

const fatFields = (volume: Buffer): readonly number[] => {
  const reserved = volume.readUInt16LE(14) * volume.readUInt16LE(11);
  const fat = volume.readUInt32LE(36) * volume.readUInt16LE(11);
  const root = reserved + volume.readUInt8(16) * fat;
  return [
    ...Array.from({ length: 90 }, (_, at) => at),
    ...Array.from({ length: 96 }, (_, at) => reserved + at),
    ...Array.from({ length: 512 }, (_, at) => root + at),
  ].map((at) => START + at);
};

/** FAT32 with the largest number of clusters that a table of 64 MiB can name, in one endless chain or in folders. */
const hugeFat = (fat: (entry: number) => number, size: number): Source => {
  const start = Buffer.alloc(START + 512);
  const sectors = Math.floor((size - START) / 512);
  start.set(makeMbr([{ type: 0x0c, offset: START, length: sectors * 512 }]));
  const boot = start.subarray(START);
  const table = 131_072; // sectors
  boot.set([0xeb, 0x58, 0x90]);
  boot.writeUInt16LE(512, 11);
  boot.writeUInt8(1, 13);
  boot.writeUInt16LE(8, 14);
  boot.writeUInt8(1, 16);
  boot.writeUInt8(0xf8, 21);
  boot.writeUInt32LE(sectors, 32);
  boot.writeUInt32LE(table, 36);
  boot.writeUInt32LE(2, 44);
  boot.writeUInt16LE(0xaa55, 510);
  const fatStart = START + 8 * 512;
  const dataStart = fatStart + table * 512;
  return {
    size,
    read: async (offset, length) => {
      const bytes = Buffer.alloc(length);
      const end = Math.min(offset + length, dataStart);
      const first = Math.max(offset, fatStart);
      for (let at = first; at + 4 <= end; at += 4) {
        bytes.writeUInt32LE(fat((at - fatStart) / 4), at - offset);
      }
      // Every cluster of data is a folder with one entry: the folder in the cluster behind it.
      for (
        let at = Math.max(dataStart, Math.ceil(offset / 512) * 512);
        at + 32 <= offset + length;
        at += 512
      ) {
        const next = (at - dataStart) / 512 + 3;
        bytes.write("FOLDER     \x10", at - offset, "latin1");
        bytes.writeUInt16LE(next >>> 16, at - offset + 20);
        bytes.writeUInt16LE(next & 0xffff, at - offset + 26);
      }
      start.copy(bytes, 0, Math.min(offset, start.length));
      return bytes;
    },
    close: async () => undefined,
  };
};

const hugeFats: readonly (() => Promise<string>)[] = [
  (entry: number) => (entry < 2 ? 0x0ffffff8 : entry + 1),
  () => 0x0ffffff8,
  (entry: number) => (entry % 2 === 0 ? 0 : 0x0ffffff8),
].flatMap((fat) => {
  const source = hugeFat(fat, 8 * 1024 * MIB);
  return [
    () => checkMap(source),
    async () => {
      await prepareBase(source);
      return "prepared";
    },
  ];
});

export const FAT: FuzzInput = {
  cases: 200,
  prepare: async () => ({
    samples: (await Promise.all([1, 8].map(fatVolume))).map((volume) => ({
      bytes: behindMbr(0x0c, volume),
      fields: fatFields(volume),
      repair: repairFat,
    })),
    huge: hugeFats,
    run: async (bytes) => {
      const source = watched(bufferSource(bytes));
      await checkMap(source);
      const { patch } = await makeNodePatch(await prepareBase(source), {
        files: [
          { name: "user-data", data: Buffer.alloc(5000, "a") },
          { name: "meta-data", data: Buffer.alloc(100, "b") },
        ],
        bootSettings: {
          config: [{ section: "all", lines: ["dtparam=pciex1"] }],
          cmdline: ["cgroup_enable=memory"],
        },
        diskId: diskIdOf("fuzz"),
        now: NOW,
      });
      for (const part of patch) {
        if (part.offset + part.data.length > source.size) {
          throw new Error(`the patch writes behind the image: ${part.offset}`);
        }
      }
      return checkMap(patchedSource(source, patch));
    },
  }),
};

const SUPERBLOCK = START + 1024;

/** Right checksums of metadata_csum for the superblock and for the descriptors behind it. */
const repairExt = (damaged: Buffer): Buffer => {
  const bytes = resize(damaged, START + VOLUME);
  const sb = bytes.subarray(SUPERBLOCK, SUPERBLOCK + 1024);
  const seed =
    (sb.readUInt32LE(0x60) & 0x2000) === 0
      ? crc32c(0xffffffff, sb.subarray(0x68, 0x78))
      : sb.readUInt32LE(0x270);
  const size =
    (sb.readUInt32LE(0x60) & 0x80) === 0 ? 32 : sb.readUInt16LE(0xfe);
  const block = 1024 * 2 ** Math.min(sb.readUInt32LE(0x18), 6);
  const table = START + (sb.readUInt32LE(0x14) + 1) * block;
  for (let group = 0; group < 16; group += 1) {
    const at = table + group * size;
    const descriptor = bytes.subarray(at, at + size);
    if (size < 32 || descriptor.length < size) {
      break;
    }
    const number = Buffer.alloc(4);
    number.writeUInt32LE(group);
    descriptor.writeUInt16LE(0, 0x1e);
    const sum = crc32c(crc32c(seed, number), descriptor);
    descriptor.writeUInt16LE(sum & 0xffff, 0x1e);
  }
  sb.writeUInt32LE(crc32c(0xffffffff, sb.subarray(0, 0x3fc)), 0x3fc);
  return bytes;
};

const EXT_FIELDS = Array.from({ length: 0x280 }, (_, at) => SUPERBLOCK + at);

const extVolume = (...words: readonly string[]): Sample => {
  const volume = made(VOLUME, (path) =>
    tool("mke2fs", "-q", "-F", "-t", "ext4", ...words, path),
  );
  const block = 1024 * 2 ** volume.readUInt32LE(1024 + 0x18);
  const table = START + (volume.readUInt32LE(1024 + 0x14) + 1) * block;
  return {
    bytes: behindMbr(0x83, volume),
    fields: [
      ...EXT_FIELDS,
      ...Array.from({ length: 192 }, (_, at) => table + at),
    ],
    repair: repairExt,
  };
};

/** ext4 of 128 GiB without checksums, whose bitmaps all hold the same byte, in groups as small as they may be. */
const hugeExt = (fill: number): Source => {
  const size = 128 * 1024 * MIB;
  const blocks = size / 4096 - 1;
  const start = Buffer.alloc(START + 4096);
  start.set(makeMbr([{ type: 0x83, offset: START, length: blocks * 4096 }]));
  const sb = start.subarray(START + 1024);
  sb.writeUInt32LE(blocks, 0x04);
  sb.writeUInt32LE(2, 0x18);
  sb.writeUInt32LE(2, 0x1c);
  sb.writeUInt32LE(256 * 16, 0x20);
  sb.writeUInt32LE(256 * 16, 0x24);
  sb.writeUInt32LE(16, 0x28);
  sb.writeUInt16LE(0xef53, 0x38);
  sb.writeUInt16LE(1, 0x3a);
  sb.writeUInt32LE(1, 0x4c);
  sb.writeUInt16LE(128, 0x58);
  sb.writeUInt32LE(0x40, 0x60);
  const groups = Math.ceil(blocks / 4096);
  const tables = Math.ceil((groups * 32) / 4096);
  const descriptor = Buffer.alloc(32);
  descriptor.writeUInt32LE(tables + 10, 0);
  descriptor.writeUInt32LE(tables + 11, 4);
  descriptor.writeUInt32LE(tables + 12, 8);
  descriptor.writeUInt16LE(fill === 0xff ? 0 : 2048, 12);
  const table = Buffer.alloc(4096, descriptor);
  const disk = hugeDisk(size, start, () => fill);
  return {
    ...disk,
    read: async (offset, length) => {
      const block = (offset - START) / 4096;
      return block >= 1 && block <= tables
        ? Buffer.from(table.subarray(0, length))
        : disk.read(offset, length);
    },
  };
};

export const EXT4: FuzzInput = {
  cases: 500,
  prepare: async () => ({
    samples: [
      extVolume("-b", "1024", "-g", "1024", "-O", "metadata_csum,64bit"),
      extVolume("-b", "1024", "-g", "512", "-O", "^metadata_csum,^uninit_bg"),
      extVolume(
        "-b",
        "4096",
        "-O",
        "metadata_csum,metadata_csum_seed,^has_journal",
      ),
      extVolume(
        "-b",
        "1024",
        "-g",
        "1024",
        "-O",
        "^resize_inode,meta_bg,^has_journal",
      ),
      extVolume(
        "-b",
        "1024",
        "-O",
        "^metadata_csum,uninit_bg,sparse_super2,^resize_inode",
      ),
      extVolume("-b", "1024", "-C", "4096", "-O", "bigalloc,^has_journal"),
    ],
    // Every second block is in use, on a terabyte that takes a few megabytes when it is packed.
    huge: [0x55, 0xff].map((fill) => () => checkMap(hugeExt(fill))),
    run: (bytes) => checkMap(watched(bufferSource(bytes))),
  }),
};
