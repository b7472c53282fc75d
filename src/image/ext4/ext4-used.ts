// Marks what an ext4 partition uses, from its block bitmaps; anything doubtful is a reason to keep it whole.
import { crc32c } from "./crc.ts";
import { readExtGroups, reservedBlocks, type ExtGroup } from "./ext4-groups.ts";
import { readExtLayout, type ExtLayout } from "./ext4-superblock.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { UsedMap } from "../used-map.ts";

/** Signatures of what may have replaced an ext4 file system without erasing its superblock: [offset, bytes]. */
const OTHER_SIGNATURES: readonly (readonly [number, string])[] = [
  [0, "LUKS"],
  [0, "XFSB"],
  [512, "LABELONE"], // LVM
  [4086, "SWAPSPACE2"],
  [65_600, "_BHRfS_M"], // Btrfs
];

const holdsOther = async (
  source: Source,
  partition: Range,
): Promise<boolean> => {
  for (const [offset, bytes] of OTHER_SIGNATURES) {
    if (offset + bytes.length <= partition.length) {
      const found = await source.read(partition.offset + offset, bytes.length);
      if (found.toString("latin1") === bytes) {
        return true;
      }
    }
  }
  return false;
};

const BITS_IN_BYTE = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(2).replaceAll("0", "").length,
);

/** Calls back with each run of set bits, `first` up to not including `end`. */
const forEachRun = (
  bitmap: Uint8Array,
  bits: number,
  run: (first: number, end: number) => void,
): void => {
  let start = -1;
  for (let bit = 0; bit < bits; bit += 1) {
    const byte = bitmap[bit >>> 3] ?? 0;
    if ((bit & 7) === 0 && bit + 8 <= bits && byte === (start < 0 ? 0 : 0xff)) {
      bit += 7; // all eight bits continue what came before
      continue;
    }
    const set = (byte & (1 << (bit & 7))) !== 0;
    if (set && start < 0) {
      start = bit;
    } else if (!set && start >= 0) {
      run(start, bit);
      start = -1;
    }
  }
  if (start >= 0) {
    run(start, bits);
  }
};

const countFree = (bitmap: Uint8Array, bits: number): number => {
  let used = 0;
  for (let at = 0; at < bits >>> 3; at += 1) {
    used += BITS_IN_BYTE[bitmap[at] ?? 0] ?? 0;
  }
  const rest = (bitmap[bits >>> 3] ?? 0) & ((1 << (bits & 7)) - 1);
  return bits - used - ((bits & 7) === 0 ? 0 : (BITS_IN_BYTE[rest] ?? 0));
};

/** The reason why the group's bitmap cannot be trusted, if there is one. */
const whyBitmapWrong = (
  layout: ExtLayout,
  group: ExtGroup,
  bitmap: Buffer,
  bits: number,
): string | undefined => {
  if (layout.checksums === "crc32c") {
    const bytes = layout.blocksPerGroup / layout.blocksPerCluster / 8;
    const whole = crc32c(layout.checksumSeed, bitmap.subarray(0, bytes));
    const value = layout.descriptorSize >= 64 ? whole : whole & 0xffff;
    if (value !== group.bitmapChecksum) {
      return `the checksum of the block bitmap of its group ${group.number} is wrong`;
    }
  }
  return countFree(bitmap, bits) === group.freeClusters
    ? undefined
    : `the block bitmap of its group ${group.number} does not match the count of free blocks`;
};

/**
 * Marks the partition's used blocks and returns undefined, or returns why its metadata cannot be trusted
 * (blocks may have been marked by then). Only metadata is read. Blocks of zeros count like all others.
 */
export const markExt4Used = async (
  source: Source,
  partition: Range,
  map: UsedMap,
): Promise<string | undefined> => {
  if (await holdsOther(source, partition)) {
    return "it holds something other than ext4";
  }
  const finding = await readExtLayout(source, partition);
  if ("reason" in finding) {
    return finding.reason;
  }
  const { layout } = finding;
  const { blockSize, blocksPerCluster, blocks } = layout;
  /** Marks whole clusters, because the file system allocates nothing smaller. */
  const mark = (first: number, count: number): void => {
    const start = first - (first % blocksPerCluster);
    const end = Math.min(
      Math.ceil((first + count) / blocksPerCluster) * blocksPerCluster,
      blocks,
    );
    if (count > 0) {
      map.mark(partition.offset + start * blockSize, (end - start) * blockSize);
    }
  };
  mark(0, Math.ceil(2048 / blockSize)); // boot block and superblock
  for await (const group of readExtGroups(source, partition, layout)) {
    if ("reason" in group) {
      return group.reason;
    }
    // Metadata is marked by its place as well, since groups without a bitmap of their own have nothing else.
    const reserved = reservedBlocks(layout, group.number);
    mark(reserved.first, reserved.count);
    mark(group.blockBitmap, 1);
    mark(group.inodeBitmap, 1);
    mark(group.inodeTable, layout.inodeTableBlocks);
    if (group.uninitialised) {
      continue;
    }
    const bitmap = await source.read(
      partition.offset + group.blockBitmap * blockSize,
      blockSize,
    );
    const inGroup = Math.min(layout.blocksPerGroup, blocks - group.firstBlock);
    const bits = Math.ceil(inGroup / blocksPerCluster);
    const reason = whyBitmapWrong(layout, group, bitmap, bits);
    if (reason !== undefined) {
      return reason;
    }
    forEachRun(bitmap, bits, (first, end) => {
      mark(
        group.firstBlock + first * blocksPerCluster,
        (end - first) * blocksPerCluster,
      );
    });
  }
  return undefined;
};
