// The group descriptors of ext4: where each group's bitmaps and inode table are, with their checksums verified.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/group_descr.html
import { crc16, crc32c } from "./crc.ts";
import type { ExtLayout } from "./ext4-superblock.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";

/** Block numbers count from the partition's start. */
export type ExtGroup = {
  readonly number: number;
  readonly firstBlock: number;
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeClusters: number;
  /** The block bitmap was never written: the group holds nothing but metadata. */
  readonly uninitialised: boolean;
  /** The whole CRC-32C, or its lower half where descriptors are short. */
  readonly bitmapChecksum: number;
};

const BLOCK_UNINIT = 0x2;
const CHECKSUM_AT = 0x1e;

/** With 1 KiB blocks, block 0 is the boot block, so group 0 begins at block 1 even where blocks are counted from 0. */
const startOfGroup = (layout: ExtLayout, group: number): number => {
  const first = layout.firstDataBlock + group * layout.blocksPerGroup;
  return first === 0 && layout.blockSize === 1024 ? 1 : first;
};

const descriptorsPerBlock = (layout: ExtLayout): number =>
  layout.blockSize / layout.descriptorSize;

const descriptorBlockCount = (layout: ExtLayout): number =>
  Math.ceil(layout.groups / descriptorsPerBlock(layout));

/** The number of the block that holds the n-th part of the descriptors. */
const descriptorBlock = (layout: ExtLayout, index: number): number => {
  if (index < layout.firstMetaGroup) {
    return startOfGroup(layout, 0) + 1 + index;
  }
  const group = index * descriptorsPerBlock(layout);
  return startOfGroup(layout, group) + (layout.hasSuperblock(group) ? 1 : 0);
};

const checksumIsRight = (
  layout: ExtLayout,
  number: number,
  descriptor: Buffer,
): boolean => {
  const stored = descriptor.readUInt16LE(CHECKSUM_AT);
  const group = Buffer.alloc(4);
  group.writeUInt32LE(number);
  const before = descriptor.subarray(0, CHECKSUM_AT);
  const after = descriptor.subarray(CHECKSUM_AT + 2);
  switch (layout.checksums) {
    case "crc32c": {
      const parts = [group, before, Buffer.alloc(2), after];
      const value = parts.reduce(crc32c, layout.checksumSeed);
      return (value & 0xffff) === stored;
    }
    case "crc16":
      return (
        [layout.uuid, group, before, after].reduce(crc16, 0xffff) === stored
      );
    case "none":
      return true;
  }
};

const parse = (
  layout: ExtLayout,
  number: number,
  descriptor: Buffer,
): ExtGroup => {
  const wide = layout.descriptorSize >= 64;
  const block = (low: number, high: number): number =>
    descriptor.readUInt32LE(low) +
    (wide ? descriptor.readUInt32LE(high) * 2 ** 32 : 0);
  const half = (low: number, high: number): number =>
    descriptor.readUInt16LE(low) +
    (wide ? descriptor.readUInt16LE(high) * 2 ** 16 : 0);
  return {
    number,
    firstBlock: layout.firstDataBlock + number * layout.blocksPerGroup,
    blockBitmap: block(0x00, 0x20),
    inodeBitmap: block(0x04, 0x24),
    inodeTable: block(0x08, 0x28),
    freeClusters: half(0x0c, 0x2c),
    uninitialised:
      layout.checksums !== "none" &&
      (descriptor.readUInt16LE(0x12) & BLOCK_UNINIT) !== 0,
    bitmapChecksum: half(0x18, 0x38),
  };
};

/** Reads the descriptors, group by group; yields a reason and ends where one cannot be trusted. */
export async function* readExtGroups(
  source: Source,
  partition: Range,
  layout: ExtLayout,
): AsyncGenerator<ExtGroup | { readonly reason: string }> {
  const { blockSize, descriptorSize, groups, blocks } = layout;
  const inside = (block: number, count: number): boolean =>
    block >= layout.firstDataBlock && block + count <= blocks;
  for (let index = 0; index < descriptorBlockCount(layout); index += 1) {
    const at = descriptorBlock(layout, index);
    if (!inside(at, 1)) {
      yield { reason: "its group descriptors lie outside the file system" };
      return;
    }
    const bytes = await source.read(
      partition.offset + at * blockSize,
      blockSize,
    );
    const first = index * descriptorsPerBlock(layout);
    const end = Math.min(first + descriptorsPerBlock(layout), groups);
    for (let number = first; number < end; number += 1) {
      const from = (number - first) * descriptorSize;
      const descriptor = bytes.subarray(from, from + descriptorSize);
      if (!checksumIsRight(layout, number, descriptor)) {
        yield { reason: `the checksum of its group ${number} is wrong` };
        return;
      }
      const group = parse(layout, number, descriptor);
      if (
        !inside(group.blockBitmap, 1) ||
        !inside(group.inodeBitmap, 1) ||
        !inside(group.inodeTable, layout.inodeTableBlocks)
      ) {
        yield { reason: `the metadata of its group ${number} lies outside` };
        return;
      }
      yield group;
    }
  }
}

/** Blocks of a group that hold superblock and descriptor copies, and those kept for more descriptors. */
export const reservedBlocks = (
  layout: ExtLayout,
  group: number,
): { readonly first: number; readonly count: number } => {
  const perBlock = descriptorsPerBlock(layout);
  const copies = layout.hasSuperblock(group) ? 1 : 0;
  const inMetaGroup = Math.floor(group / perBlock) >= layout.firstMetaGroup;
  const first = startOfGroup(layout, group);
  if (inMetaGroup) {
    // The first, second and last group of a meta group hold its one block of descriptors.
    const holds = [0, 1, perBlock - 1].includes(group % perBlock);
    return { first, count: copies + (holds ? 1 : 0) };
  }
  const descriptors = Math.min(
    descriptorBlockCount(layout),
    layout.firstMetaGroup,
  );
  return {
    first,
    count: copies * (1 + descriptors + layout.reservedDescriptorBlocks),
  };
};
