// Proves that a FAT32 file system is sound before anything walks its cluster chains: no loop, no shared cluster, none outside the volume.
import {
  bootPartitionDamaged,
  bootPartitionUnsupported,
} from "../boot/boot-partition-errors.ts";
import { DIRECTORY_ENTRY, parseFatDirectory } from "./fat-directory.ts";
import type { FatGeometry } from "./fat-geometry.ts";
import type { PieceCache } from "../piece-cache.ts";
import type { Range } from "../range.ts";

/** The high four bits of an entry are reserved. */
const ENTRY_MASK = 0x0fffffff;
const END_OF_CHAIN = 0x0ffffff8;

/** 16 million clusters; memory stays bounded whatever the boot sector claims. */
const LONGEST_FAT = 64 * 1024 * 1024;
/** The specification's limit for a folder. */
const MOST_ENTRIES = 65_536;
/** All folders are held in memory, which a volume of nothing but folders would fill; Ubuntu's take a few hundred KiB. */
const MOST_FAT_FOLDER_BYTES = 32 * 1024 * 1024;
const READ_AT_ONCE = 1024 * 1024;

export type SoundFat = {
  /** The file allocation table, all copies being equal. */
  readonly fat: Buffer;
  readonly freeClusters: number;
};

export const isFreeCluster = (fat: Buffer, cluster: number): boolean =>
  (fat.readUInt32LE(cluster * 4) & ENTRY_MASK) === 0;

const readEqualCopies = async (
  cache: PieceCache,
  partition: Range,
  geometry: FatGeometry,
): Promise<Buffer> => {
  const { fatLength, fatCopies } = geometry;
  const start = partition.offset + geometry.fatOffset;
  const fat = Buffer.alloc(fatLength);
  for (let at = 0; at < fatLength; at += READ_AT_ONCE) {
    const length = Math.min(READ_AT_ONCE, fatLength - at);
    const part = await cache.source.read(start + at, length);
    fat.set(part, at);
    for (let copy = 1; copy < fatCopies; copy += 1) {
      const other = await cache.source.read(
        start + copy * fatLength + at,
        length,
      );
      // The first two entries hold flags that some systems change in one copy only.
      const from = at === 0 ? 8 : 0;
      if (!part.subarray(from).equals(other.subarray(from))) {
        throw bootPartitionDamaged(
          `copy ${copy + 1} of the file allocation table differs from the first`,
        );
      }
    }
  }
  return fat;
};

/** `clusters` holds only the first ones, because a file may have millions and the rest are not needed. */
type Chain = { readonly length: number; readonly clusters: readonly number[] };

/** Follows chains and remembers every cluster seen: no cluster may be reached twice. */
const chainWalker = (fat: Buffer, clusters: number) => {
  const seen = new Uint8Array(Math.ceil((clusters + 2) / 8));
  return (start: number, name: string, most: number): Chain => {
    const clusterList: number[] = [];
    let length = 0;
    let cluster = start;
    while (cluster < END_OF_CHAIN) {
      if (cluster < 2 || cluster >= clusters + 2) {
        throw bootPartitionDamaged(
          `the cluster chain of ${name} leads to cluster ${cluster}, which does not exist`,
        );
      }
      const bit = 1 << (cluster & 7);
      const byte = seen[cluster >>> 3] ?? 0;
      if ((byte & bit) !== 0) {
        throw bootPartitionDamaged(
          `the cluster chain of ${name} runs in a loop or into another file`,
        );
      }
      if (isFreeCluster(fat, cluster)) {
        throw bootPartitionDamaged(
          `the cluster chain of ${name} leads to a free cluster`,
        );
      }
      seen[cluster >>> 3] = byte | bit;
      length += 1;
      if (length <= most) {
        clusterList.push(cluster);
      }
      cluster = fat.readUInt32LE(cluster * 4) & ENTRY_MASK;
    }
    return { length, clusters: clusterList };
  };
};

const checkTree = async (
  cache: PieceCache,
  partition: Range,
  geometry: FatGeometry,
  fat: Buffer,
): Promise<void> => {
  const { clusterSize, dataOffset, clusters } = geometry;
  const walk = chainWalker(fat, clusters);
  const folders = [{ name: "the root folder", cluster: geometry.rootCluster }];
  const mostInFolder = Math.ceil(
    (MOST_ENTRIES * DIRECTORY_ENTRY) / clusterSize,
  );
  for (const folder of folders) {
    const chain = walk(folder.cluster, folder.name, mostInFolder);
    if (chain.length > mostInFolder) {
      throw bootPartitionDamaged(
        `${folder.name} has more entries than a folder can hold`,
      );
    }
    if (cache.held() > MOST_FAT_FOLDER_BYTES) {
      throw bootPartitionUnsupported(
        "the boot partition has more folders than pi-image edits",
      );
    }
    const bytes = Buffer.alloc(chain.length * clusterSize);
    for (const [index, cluster] of chain.clusters.entries()) {
      const at = partition.offset + dataOffset + (cluster - 2) * clusterSize;
      bytes.set(await cache.read(at, clusterSize), index * clusterSize);
    }
    for (const entry of parseFatDirectory(bytes)) {
      if (entry.folder) {
        folders.push({ name: entry.name, cluster: entry.cluster });
        continue;
      }
      const length =
        entry.cluster === 0 ? 0 : walk(entry.cluster, entry.name, 0).length;
      if (length * clusterSize < entry.size) {
        throw bootPartitionDamaged(
          `${entry.name} has ${entry.size} bytes, but its cluster chain ends before`,
        );
      }
    }
  }
};

/**
 * Reads the FAT and every folder (not the files) and checks them. Folders are held in `cache` afterwards.
 * Throws BOOT_PARTITION_DAMAGED, or BOOT_PARTITION_UNSUPPORTED for what cannot be edited safely.
 */
export const checkFat = async (
  cache: PieceCache,
  partition: Range,
  geometry: FatGeometry,
): Promise<SoundFat> => {
  if (geometry.mirroringOff || geometry.fatLength > LONGEST_FAT) {
    throw bootPartitionUnsupported(
      geometry.mirroringOff
        ? "the boot partition keeps only one copy of its file allocation table up to date"
        : `the boot partition has ${geometry.clusters} clusters, more than pi-image edits`,
    );
  }
  const fat = await readEqualCopies(cache, partition, geometry);
  await checkTree(cache, partition, geometry, fat);
  let freeClusters = 0;
  for (let cluster = 2; cluster < geometry.clusters + 2; cluster += 1) {
    if (isFreeCluster(fat, cluster)) {
      freeClusters += 1;
    }
  }
  return { fat, freeClusters };
};
