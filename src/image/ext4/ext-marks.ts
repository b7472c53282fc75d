// What the superblock of ext2, ext3 and ext4 says of the whole file system: its kind, its features, its state, how full it is.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/super.html
const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_SIZE = 1024;
/** Bytes of a file system's start that have the superblock. */
export const SUPERBLOCK_END = SUPERBLOCK_AT + SUPERBLOCK_SIZE;
const MAGIC = 0xef53;

export const COMPAT = {
  hasJournal: 0x4,
  lazyGroups: 0x40,
  sparseSuper2: 0x200,
  known: 0x1e3f, // all up to orphan_file except lazy_bg and the exclude features
};
export const INCOMPAT = {
  recover: 0x4,
  metaGroups: 0x10,
  extents: 0x40,
  is64Bit: 0x80,
  checksumSeed: 0x2000,
  // filetype, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode, csum_seed, large_dir, inline_data, encrypt, casefold
  known: 0x3e7d2,
};
export const RO_COMPAT = {
  sparseSuper: 0x1,
  groupChecksum: 0x10,
  bigAllocation: 0x200,
  metadataChecksum: 0x400,
  // sparse_super up to extra_isize, quota, bigalloc, metadata_csum, read-only, project, verity
  known: 0xb77f,
};

/** The superblock of ext2, ext3 or ext4, by its magic number alone. @param start of the file system */
export const extSuperblock = (start: Buffer): Buffer | undefined => {
  const sb = start.subarray(SUPERBLOCK_AT, SUPERBLOCK_END);
  return sb.length === SUPERBLOCK_SIZE && sb.readUInt16LE(0x38) === MAGIC
    ? sb
    : undefined;
};

/** Extents came with ext4, a journal with ext3. */
export const extName = (sb: Buffer): "ext2" | "ext3" | "ext4" => {
  const { compat, incompat } = readFeatures(sb);
  return (incompat & INCOMPAT.extents) !== 0
    ? "ext4"
    : (compat & COMPAT.hasJournal) !== 0
      ? "ext3"
      : "ext2";
};

export const readFeatures = (sb: Buffer) => {
  // Revision 0 has no feature words, and its inodes have 128 bytes.
  const old = sb.readUInt32LE(0x4c) === 0;
  return {
    compat: old ? 0 : sb.readUInt32LE(0x5c),
    incompat: old ? 0 : sb.readUInt32LE(0x60),
    roCompat: old ? 0 : sb.readUInt32LE(0x64),
    inodeSize: old ? 128 : sb.readUInt16LE(0x58),
  };
};

/** Bits of `s_state`. */
const STATE = { clean: 1, errors: 2 };

/** Whether it was in use, by the marks that Linux goes by. */
export const extState = (sb: Buffer) => {
  const state = sb.readUInt16LE(0x3a);
  return {
    clean: (state & STATE.clean) !== 0,
    hasErrors: (state & STATE.errors) !== 0,
    /** No other bit either, such as that of orphans or of a replay that did not end. */
    nothingPending: state === STATE.clean,
    /** The journal holds changes that are not in the file system yet. */
    needsRecovery: (readFeatures(sb).incompat & INCOMPAT.recover) !== 0,
  };
};

/** Blocks and inodes; `blockSize` in bytes, undefined where no such size exists. */
export const extCounts = (sb: Buffer) => {
  const is64Bit = (readFeatures(sb).incompat & INCOMPAT.is64Bit) !== 0;
  const count = (low: number, high: number): number =>
    sb.readUInt32LE(low) + (is64Bit ? sb.readUInt32LE(high) * 2 ** 32 : 0);
  const logBlock = sb.readUInt32LE(0x18);
  return {
    blockSize: logBlock > 6 ? undefined : 1024 * 2 ** logBlock,
    blocks: count(0x04, 0x150),
    freeBlocks: count(0x0c, 0x158),
    inodes: sb.readUInt32LE(0),
    freeInodes: sb.readUInt32LE(0x10),
  };
};
