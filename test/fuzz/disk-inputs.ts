// What a base image is made of: partition tables and file systems, read as a build reads them.
import { spawnSync } from "node:child_process";
import { mapUsed } from "../../src/image/block-map.ts";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import { crc32c } from "../../src/image/ext4/crc.ts";
import { diskIdOf } from "../../src/image/table/disk-identity.ts";
import { findRootPartition } from "../../src/image/table/find-partitions.ts";
import { makeNodePatch, prepareBase } from "../../src/image/node-patch.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { patchedSource } from "../../src/image/patch.ts";
import { rangeEnd } from "../../src/image/range.ts";
import { bufferSource, type Source } from "../../src/image/source.ts";
import { makeMbr } from "../image/make-image.ts";
import type { FuzzInput } from "./fuzz-input.ts";
import { hugeExt, hugeFat } from "./huge-disks.ts";
import type { Sample } from "./mutate.ts";
import {
  behindMbr,
  extBytes,
  fatVolume,
  made,
  MIB,
  NOW,
  START,
  VOLUME,
} from "./sample-volumes.ts";

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
  cases: 300,
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
  const volume = extBytes(...words);
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

export const EXT4: FuzzInput = {
  cases: 300,
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
    // Every second block is in use, on a disk that takes a few megabytes when it is packed: eight million pieces.
    huge: [0x55, 0xff].map((fill) => () => checkMap(hugeExt(fill))),
    run: (bytes) => checkMap(watched(bufferSource(bytes))),
  }),
};
