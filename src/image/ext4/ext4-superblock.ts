// The superblock of ext2, ext3 and ext4: the layout of the file system, where pi-image understands all of it.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/super.html
import { crc32c } from "./crc.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import {
  COMPAT,
  extCounts,
  extState,
  extSuperblock,
  INCOMPAT,
  readFeatures,
  RO_COMPAT,
  SUPERBLOCK_END,
} from "./ext-marks.ts";

export type ExtLayout = {
  readonly blockSize: number;
  /** Blocks; the first group starts with `firstDataBlock`. */
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  /** Blocks that one bit of a block bitmap stands for. */
  readonly blocksPerCluster: number;
  readonly inodesPerGroup: number;
  /** Bytes. */
  readonly inodeSize: number;
  /** Blocks of each group's inode table. */
  readonly inodeTableBlocks: number;
  readonly descriptorSize: number;
  /** From this meta group on, descriptors are stored in the groups that they describe; Infinity without meta_bg. */
  readonly firstMetaGroup: number;
  /** Blocks kept free after the descriptors, for growing. */
  readonly reservedDescriptorBlocks: number;
  readonly hasSuperblock: (group: number) => boolean;
  readonly checksums: "crc32c" | "crc16" | "none";
  readonly checksumSeed: number;
  readonly uuid: Buffer;
};

/** A reason instead of a layout: the file system is unknown, in use, or contradicts itself. */
export type ExtFinding =
  { readonly layout: ExtLayout } | { readonly reason: string };

const readSuperblock = async (
  source: Source,
  { offset, length }: Range,
): Promise<Buffer | undefined> =>
  length < SUPERBLOCK_END
    ? undefined
    : extSuperblock(await source.read(offset, SUPERBLOCK_END));

export const hasExtMagic = async (
  source: Source,
  partition: Range,
): Promise<boolean> => (await readSuperblock(source, partition)) !== undefined;

const isPowerOf = (base: number, value: number): boolean => {
  let power = base;
  while (power < value) {
    power *= base;
  }
  return power === value;
};

/** Which groups carry a copy of the superblock and of the descriptors. */
const superblockGroups = (
  sb: Buffer,
  compat: number,
  roCompat: number,
): ((group: number) => boolean) => {
  if ((compat & COMPAT.sparseSuper2) !== 0) {
    const copies = [0, sb.readUInt32LE(0x24c), sb.readUInt32LE(0x250)];
    return (group) => copies.includes(group);
  }
  if ((roCompat & RO_COMPAT.sparseSuper) === 0) {
    return () => true;
  }
  return (group) =>
    group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
};

const whyNotTrusted = (sb: Buffer): string | undefined => {
  const { compat, incompat, roCompat } = readFeatures(sb);
  const { needsRecovery, nothingPending } = extState(sb);
  if (needsRecovery || !nothingPending) {
    // The bitmaps may still show blocks as free that the journal or the orphan list knows of.
    return "it was not unmounted cleanly";
  }
  const unknown = [
    [compat, COMPAT.known],
    [incompat, INCOMPAT.known],
    [roCompat, RO_COMPAT.known],
  ].some(([found = 0, known = 0]) => (found & ~known) !== 0);
  if (unknown) {
    return "it uses ext4 features that pi-image does not know";
  }
  const externalJournal =
    sb.readUInt32LE(0xe4) !== 0 || sb.readUInt32LE(0xe0) === 0;
  if ((compat & COMPAT.hasJournal) !== 0 && externalJournal) {
    return "its journal is on another device";
  }
  const checksummed = (roCompat & RO_COMPAT.metadataChecksum) !== 0;
  if (
    checksummed &&
    crc32c(0xffffffff, sb.subarray(0, 0x3fc)) !== sb.readUInt32LE(0x3fc)
  ) {
    return "the checksum of its superblock is wrong";
  }
  return undefined;
};

const measure = (sb: Buffer, length: number): ExtFinding => {
  const { compat, incompat, roCompat, inodeSize } = readFeatures(sb);
  const has = (features: number, bit: number) => (features & bit) !== 0;
  const wrong = { reason: "its superblock contradicts itself" };
  const { blockSize, blocks } = extCounts(sb);
  const clusterSize = 1024 * 2 ** sb.readUInt32LE(0x1c);
  if (
    blockSize === undefined ||
    clusterSize > 2 ** 30 ||
    clusterSize < blockSize
  ) {
    return wrong;
  }
  const bigAllocation = has(roCompat, RO_COMPAT.bigAllocation);
  const blocksPerCluster = bigAllocation ? clusterSize / blockSize : 1;
  const is64Bit = has(incompat, INCOMPAT.is64Bit);
  const firstDataBlock = sb.readUInt32LE(0x14);
  const blocksPerGroup = sb.readUInt32LE(0x20);
  const inodesPerGroup = sb.readUInt32LE(0x28);
  const descriptorSize = is64Bit ? sb.readUInt16LE(0xfe) : 32;
  const bitsPerBitmap = blocksPerGroup / blocksPerCluster;
  const sound =
    firstDataBlock === (blockSize === 1024 && !bigAllocation ? 1 : 0) &&
    blocks > firstDataBlock &&
    blocks * blockSize <= length &&
    bitsPerBitmap % 8 === 0 &&
    bitsPerBitmap >= 256 &&
    bitsPerBitmap <= blockSize * 8 &&
    inodesPerGroup > 0 &&
    inodesPerGroup <= blockSize * 8 &&
    inodeSize >= 128 &&
    inodeSize <= blockSize &&
    [32, 64, 128, 256, 512, 1024].includes(descriptorSize) &&
    descriptorSize >= (is64Bit ? 64 : 32) &&
    sb.readUInt16LE(0xce) <= blockSize / 4;
  if (!sound) {
    return wrong;
  }
  const uuid = sb.subarray(0x68, 0x78);
  const metadataChecksum = has(roCompat, RO_COMPAT.metadataChecksum);
  const groupChecksum = has(roCompat, RO_COMPAT.groupChecksum);
  return {
    layout: {
      blockSize,
      blocks,
      firstDataBlock,
      groups: Math.ceil((blocks - firstDataBlock) / blocksPerGroup),
      blocksPerGroup,
      blocksPerCluster,
      inodesPerGroup,
      inodeSize,
      inodeTableBlocks: Math.ceil((inodesPerGroup * inodeSize) / blockSize),
      descriptorSize,
      firstMetaGroup: has(incompat, INCOMPAT.metaGroups)
        ? sb.readUInt32LE(0x104)
        : Number.POSITIVE_INFINITY,
      reservedDescriptorBlocks: sb.readUInt16LE(0xce),
      hasSuperblock: superblockGroups(sb, compat, roCompat),
      checksums: metadataChecksum ? "crc32c" : groupChecksum ? "crc16" : "none",
      checksumSeed: has(incompat, INCOMPAT.checksumSeed)
        ? sb.readUInt32LE(0x270)
        : crc32c(0xffffffff, uuid),
      uuid,
    },
  };
};

/** Reads the superblock of a partition whose magic number is that of ext2, ext3 and ext4. */
export const readExtLayout = async (
  source: Source,
  partition: Range,
): Promise<ExtFinding> => {
  const sb = await readSuperblock(source, partition);
  if (sb === undefined) {
    return { reason: "it holds no ext4 file system" };
  }
  const reason = whyNotTrusted(sb);
  return reason === undefined ? measure(sb, partition.length) : { reason };
};
