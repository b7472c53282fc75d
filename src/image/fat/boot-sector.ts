// What the boot sector of a FAT file system says, without judging it: the caller decides what makes sense.
// "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03, section "Boot Sector and BPB".

/** Lengths are in bytes; all values are as the sector has them, and may be nonsense. */
export type FatBootSector = {
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Before the first file allocation table. */
  readonly reserved: number;
  readonly fatCopies: number;
  /** One copy. */
  readonly fatLength: number;
  /** Of FAT12 and FAT16; FAT32's root folder is in clusters. */
  readonly rootLength: number;
  /** Of the whole file system. */
  readonly length: number;
  /**
   * Whether it is FAT32, decided as Linux does, by whether the 16-bit FAT length is zero, and not by the specification's
   * count of clusters, because small volumes made by `mkfs.vfat -F 32` exist.
   * https://github.com/torvalds/linux/blob/v6.8/fs/fat/inode.c (fat_fill_super)
   */
  readonly wide: boolean;
  /** Not a whole number where the sector is nonsense. */
  readonly clusters: number;
  /** Only of FAT32. */
  readonly rootCluster: number;
};

/** Below this many clusters a volume that is not FAT32 is FAT12. */
const FIRST_FAT16 = 4085;

const FOLDER_ENTRY = 32;

/** @param boot its 512 bytes */
export const parseBootSector = (boot: Buffer): FatBootSector => {
  const sectorSize = boot.readUInt16LE(11);
  const clusterSize = boot.readUInt8(13) * sectorSize;
  const reserved = boot.readUInt16LE(14) * sectorSize;
  const fatCopies = boot.readUInt8(16);
  const fat16Length = boot.readUInt16LE(22);
  const fatLength = (fat16Length || boot.readUInt32LE(36)) * sectorSize;
  const rootLength = boot.readUInt16LE(17) * FOLDER_ENTRY;
  const length = (boot.readUInt16LE(19) || boot.readUInt32LE(32)) * sectorSize;
  const data = length - reserved - fatCopies * fatLength - rootLength;
  return {
    sectorSize,
    clusterSize,
    reserved,
    fatCopies,
    fatLength,
    rootLength,
    length,
    wide: fat16Length === 0,
    clusters: Math.floor(data / clusterSize),
    rootCluster: boot.readUInt32LE(44),
  };
};

export const fatName = ({
  wide,
  clusters,
}: Pick<FatBootSector, "wide" | "clusters">): "FAT12" | "FAT16" | "FAT32" =>
  wide ? "FAT32" : clusters < FIRST_FAT16 ? "FAT12" : "FAT16";

const isPowerOfTwo = (value: number): boolean =>
  value > 0 && (value & (value - 1)) === 0;

/** Undefined where no driver would take it for FAT. @param boot its 512 bytes, or more */
export const findFat = (boot: Buffer): FatBootSector | undefined => {
  const found = parseBootSector(boot);
  return [0xeb, 0xe9, 0xe8].includes(boot.readUInt8(0)) &&
    isPowerOfTwo(found.sectorSize) &&
    found.sectorSize >= 512 &&
    found.sectorSize <= 4096 &&
    isPowerOfTwo(found.clusterSize) &&
    found.reserved !== 0 &&
    found.fatCopies !== 0 &&
    boot.readUInt8(21) >= 0xf0 // the media byte
    ? found
    : undefined;
};
