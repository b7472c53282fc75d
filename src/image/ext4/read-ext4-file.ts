// Reads single files of an ext4 file system that nothing has mounted, such as a base's list of installed packages.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/inodes.html, .../ifork.html (extents), .../directory.html
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { readExtGroups } from "./ext4-groups.ts";
import { type ExtLayout, readExtLayout } from "./ext4-superblock.ts";

/** Why a file cannot be read; follows "its root file system: " in messages. */
class Unreadable extends Error {}

const ROOT_INODE = 2;
const EXTENTS_FLAG = 0x80000;
const KIND = { mask: 0xf000, folder: 0x4000, file: 0x8000 };
/** Of a real folder by far not reached; bounds what a made-up one costs. */
const FOLDER_LIMIT = 64 * 1024 * 1024;

const EXTENT_MAGIC = 0xf30a;
const DEEPEST = 5;
/** Longer ones are allocated and were never written: they read as zeros. */
const LONGEST_WRITTEN = 32768;

type Inode = {
  readonly number: number;
  readonly hasExtents: boolean;
  readonly mode: number;
  readonly size: number;
  readonly extents: Buffer;
};

type Volume = {
  readonly layout: ExtLayout;
  readonly inodeTables: readonly number[];
  readonly readBlocks: (first: number, count: number) => Promise<Buffer>;
};

const openVolume = async (
  source: Source,
  partition: Range,
): Promise<Volume> => {
  const finding = await readExtLayout(source, partition);
  if ("reason" in finding) {
    throw new Unreadable(finding.reason);
  }
  const { layout } = finding;
  const inodeTables: number[] = [];
  for await (const group of readExtGroups(source, partition, layout)) {
    if ("reason" in group) {
      throw new Unreadable(group.reason);
    }
    inodeTables.push(group.inodeTable);
  }
  return {
    layout,
    inodeTables,
    readBlocks: (first, count) => {
      if (first < 0 || first + count > layout.blocks) {
        throw new Unreadable("one of its files lies outside of it");
      }
      return source.read(
        partition.offset + first * layout.blockSize,
        count * layout.blockSize,
      );
    },
  };
};

const readInode = async (
  { layout, inodeTables, readBlocks }: Volume,
  number: number,
): Promise<Inode> => {
  const { blockSize, inodeSize, inodesPerGroup } = layout;
  const table = inodeTables[Math.floor((number - 1) / inodesPerGroup)];
  if (number < 1 || table === undefined) {
    throw new Unreadable(`it has no inode ${number}`);
  }
  const at = ((number - 1) % inodesPerGroup) * inodeSize;
  const block = await readBlocks(table + Math.floor(at / blockSize), 1);
  const inode = block.subarray(at % blockSize, (at % blockSize) + inodeSize);
  return {
    number,
    hasExtents: (inode.readUInt32LE(0x20) & EXTENTS_FLAG) !== 0,
    mode: inode.readUInt16LE(0),
    size: inode.readUInt32LE(0x4) + inode.readUInt32LE(0x6c) * 2 ** 32,
    extents: inode.subarray(0x28, 0x28 + 60),
  };
};

/** Copies what the extents below this node have into `into`, which is as long as the file and zero. */
const copyExtents = async (
  volume: Volume,
  node: Buffer,
  into: Buffer,
  depth = 0,
): Promise<void> => {
  const { blockSize } = volume.layout;
  const entries = node.readUInt16LE(2);
  if (
    node.readUInt16LE(0) !== EXTENT_MAGIC ||
    12 * (entries + 1) > node.length ||
    depth > DEEPEST
  ) {
    throw new Unreadable("its extents contradict themselves");
  }
  const isLeaf = node.readUInt16LE(6) === 0;
  for (let index = 1; index <= entries; index += 1) {
    const entry = node.subarray(index * 12, index * 12 + 12);
    if (!isLeaf) {
      const block = entry.readUInt32LE(4) + entry.readUInt16LE(8) * 2 ** 32;
      const below = await volume.readBlocks(block, 1);
      await copyExtents(volume, below, into, depth + 1);
      continue;
    }
    const at = entry.readUInt32LE(0) * blockSize;
    const count = Math.min(
      entry.readUInt16LE(4),
      Math.ceil((into.length - at) / blockSize),
    );
    if (entry.readUInt16LE(4) <= LONGEST_WRITTEN && count > 0) {
      const first = entry.readUInt32LE(8) + entry.readUInt16LE(6) * 2 ** 32;
      (await volume.readBlocks(first, count)).copy(into, at);
    }
  }
};

const readContent = async (
  volume: Volume,
  { number, hasExtents, size, extents }: Inode,
  limit: number,
): Promise<Buffer> => {
  if (!hasExtents) {
    throw new Unreadable(`its inode ${number} has no extents`);
  }
  if (size > limit) {
    throw new Unreadable(`one of its files has ${size} bytes`);
  }
  const content = Buffer.alloc(size);
  await copyExtents(volume, extents, content);
  return content;
};

/**
 * The inode number of a folder's entry; undefined without one. An indexed folder's index lies in entries that look unused, so
 * one walk reads both forms.
 */
const findEntry = (
  content: Buffer,
  blockSize: number,
  name: string,
): number | undefined => {
  const wanted = Buffer.from(name);
  for (let block = 0; block < content.length; block += blockSize) {
    const end = Math.min(block + blockSize, content.length);
    for (let at = block; at + 8 <= end;) {
      const inode = content.readUInt32LE(at);
      // 65,536 does not fit and is written as 0 or 65,535.
      const length = content.readUInt16LE(at + 4);
      const start = at + 8;
      if (
        inode !== 0 &&
        content.subarray(start, start + content[at + 6]!).equals(wanted)
      ) {
        return inode;
      }
      if (length < 8 || length % 4 !== 0) {
        break;
      }
      at += length;
    }
  }
  return undefined;
};

const readFrom = async (
  volume: Volume,
  path: string,
  limit: number,
): Promise<Buffer | undefined> => {
  let number = ROOT_INODE;
  for (const name of path.split("/")) {
    const folder = await readInode(volume, number);
    if ((folder.mode & KIND.mask) !== KIND.folder) {
      return undefined;
    }
    const content = await readContent(volume, folder, FOLDER_LIMIT);
    const found = findEntry(content, volume.layout.blockSize, name);
    if (found === undefined) {
      return undefined;
    }
    number = found;
  }
  const file = await readInode(volume, number);
  return (file.mode & KIND.mask) === KIND.file
    ? readContent(volume, file, limit)
    : undefined;
};

/**
 * The contents of plain files by their paths, which have no slash at the start and are followed through no symbolic link; what
 * is no plain file is left out. A reason instead where the file system is none, is in use or contradicts itself, or where a
 * file has more than `limit` bytes.
 */
export const readExt4Files = async (
  source: Source,
  partition: Range,
  paths: readonly string[],
  limit: number,
): Promise<
  { readonly files: ReadonlyMap<string, Buffer> } | { readonly reason: string }
> => {
  try {
    const volume = await openVolume(source, partition);
    const files = new Map<string, Buffer>();
    for (const path of paths) {
      const content = await readFrom(volume, path, limit);
      if (content !== undefined) {
        files.set(path, content);
      }
    }
    return { files };
  } catch (error) {
    if (error instanceof Unreadable) {
      return { reason: error.message };
    }
    throw error;
  }
};
