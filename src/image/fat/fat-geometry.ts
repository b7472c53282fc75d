// Where the parts of a FAT32 file system are, read from its boot sector and checked against the partition.
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { type FatBootSector, fatName, findFat } from "./boot-sector.ts";

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

/** The cluster number is a 28-bit value, and the highest ones have other meanings. */
const MOST_CLUSTERS = 0x0ffffff5;

const measure = (
  boot: Buffer,
  found: FatBootSector,
  length: number,
): FatFinding => {
  const damaged = (reason: string): FatFinding => ({ kind: "damaged", reason });
  const { sectorSize, clusterSize, fatCopies, fatLength } = found;
  const { clusters, rootCluster, reserved: fatOffset } = found;
  const infoOffset = boot.readUInt16LE(48) * sectorSize;
  if (found.length > length) {
    return damaged(
      `it has ${found.length} bytes, but its partition only ${length}`,
    );
  }
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
      dataOffset: fatOffset + fatCopies * fatLength + found.rootLength,
      clusters,
      rootCluster,
      infoOffset:
        infoOffset > 0 && infoOffset < fatOffset ? infoOffset : undefined,
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
  const found = findFat(boot);
  if (found === undefined) {
    return { kind: "none" };
  }
  const name = fatName(found);
  return name === "FAT32"
    ? measure(boot, found, partition.length)
    : { kind: "other", name };
};
