// Where things stand in a FAT32 file system, read from its boot sector and checked against the partition.
// "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03, section "Boot Sector and BPB".
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";

/** Offsets are in bytes from the partition's start, lengths in bytes. */
export type FatGeometry = {
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** The first copy of the FAT; the others follow without a gap. */
  readonly fatOffset: number;
  /** One copy. */
  readonly fatLength: number;
  readonly fatCopies: number;
  readonly dataOffset: number;
  /** Data clusters; they are numbered from 2. */
  readonly clusters: number;
  readonly rootCluster: number;
  /** The FSInfo sector; undefined where the file system has none. */
  readonly infoOffset: number | undefined;
  /** The FAT copies may differ: only the active one is kept up to date. */
  readonly mirroringOff: boolean;
};

export type FatFinding =
  | { readonly kind: "fat32"; readonly geometry: FatGeometry }
  /** Another file system of the family, by name. */
  | { readonly kind: "other"; readonly name: "FAT12" | "FAT16" | "exFAT" }
  /** A FAT32 boot sector that contradicts itself or the partition. */
  | { readonly kind: "damaged"; readonly reason: string }
  | { readonly kind: "none" };

const isPowerOfTwo = (value: number): boolean =>
  value > 0 && (value & (value - 1)) === 0;

/** The cluster number is a 28-bit value, and the highest ones have other meanings. */
const MOST_CLUSTERS = 0x0ffffff5;

const measure = (boot: Buffer, length: number): FatFinding => {
  const damaged = (reason: string): FatFinding => ({ kind: "damaged", reason });
  const sectorSize = boot.readUInt16LE(11);
  const clusterSize = boot.readUInt8(13) * sectorSize;
  const reserved = boot.readUInt16LE(14);
  const fatCopies = boot.readUInt8(16);
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const fatLength = boot.readUInt32LE(36) * sectorSize;
  const rootCluster = boot.readUInt32LE(44);
  const infoSector = boot.readUInt16LE(48);
  if (sectors * sectorSize > length) {
    return damaged(
      `it has ${sectors * sectorSize} bytes, but its partition only ${length}`,
    );
  }
  const fatOffset = reserved * sectorSize;
  const dataOffset = fatOffset + fatCopies * fatLength;
  const clusters = Math.floor(
    (sectors * sectorSize - dataOffset) / clusterSize,
  );
  if (clusters < 1 || clusters > MOST_CLUSTERS) {
    return damaged("its boot sector leaves no room for files");
  }
  if (fatLength < (clusters + 2) * 4) {
    return damaged(
      "its file allocation table is too short for the number of clusters",
    );
  }
  if (rootCluster < 2 || rootCluster >= clusters + 2) {
    return damaged(`its root folder is said to be in cluster ${rootCluster}`);
  }
  return {
    kind: "fat32",
    geometry: {
      sectorSize,
      clusterSize,
      fatOffset,
      fatLength,
      fatCopies,
      dataOffset,
      clusters,
      rootCluster,
      infoOffset:
        infoSector > 0 && infoSector < reserved
          ? infoSector * sectorSize
          : undefined,
      mirroringOff: (boot.readUInt16LE(40) & 0x80) !== 0,
    },
  };
};

/** Says which FAT file system, if any, a partition holds. Reads its first sector only. */
export const readFatGeometry = async (
  source: Source,
  partition: Range,
): Promise<FatFinding> => {
  if (partition.length < 512) {
    return { kind: "none" };
  }
  const boot = await source.read(partition.offset, 512);
  if (boot.toString("latin1", 3, 11) === "EXFAT   ") {
    return { kind: "other", name: "exFAT" };
  }
  const sectorSize = boot.readUInt16LE(11);
  const looksLikeFat =
    [0xeb, 0xe9, 0xe8].includes(boot.readUInt8(0)) &&
    isPowerOfTwo(sectorSize) &&
    sectorSize >= 512 &&
    sectorSize <= 4096 &&
    isPowerOfTwo(boot.readUInt8(13)) &&
    boot.readUInt16LE(14) !== 0 &&
    boot.readUInt8(16) !== 0 &&
    boot.readUInt8(21) >= 0xf0; // the media byte
  if (!looksLikeFat) {
    return { kind: "none" };
  }
  // Like Linux, which reads a volume as FAT32 exactly when the 16-bit FAT length is zero, and not by the
  // specification's count of clusters: small volumes of `mkfs.vfat -F 32` exist.
  // https://github.com/torvalds/linux/blob/v6.8/fs/fat/inode.c (fat_fill_super)
  const fat16Length = boot.readUInt16LE(22);
  if (fat16Length !== 0) {
    const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
    const rootSectors = (boot.readUInt16LE(17) * 32) / sectorSize;
    const system =
      boot.readUInt16LE(14) + boot.readUInt8(16) * fat16Length + rootSectors;
    const clusters = (sectors - system) / boot.readUInt8(13);
    return { kind: "other", name: clusters < 4085 ? "FAT12" : "FAT16" };
  }
  return measure(boot, partition.length);
};
