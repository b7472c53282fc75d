// The boot partition as FatFs sees it: a disk of sectors whose changes stay in memory.
// FatFs is given a boot sector of ours with one FAT copy before the data, so that it never meets a layout that it refuses.
import { isFreeCluster, type SoundFat } from "./fat-check.ts";
import type { FatGeometry } from "./fat-geometry.ts";
import { joinPatch } from "../join-patch.ts";
import type { Patch, PatchPart } from "../patch.ts";
import type { PieceCache } from "../piece-cache.ts";
import type { Range } from "../range.ts";

/** Thrown when synchronous code needs bytes that have not been read yet: read them and start again. */
export class MissingBytes extends Error {
  override readonly name = "MissingBytes";
  readonly range: Range;

  constructor(range: Range) {
    super(`bytes ${range.offset} to ${range.offset + range.length} are needed`);
    this.range = range;
  }
}

export type FatDisk = {
  readonly sectorSize: number;
  readonly sectorCount: number;
  /** Throws MissingBytes. */
  readonly read: (sector: number, count: number) => Uint8Array;
  readonly write: (sector: number, data: Uint8Array) => void;
  /** What was written, as ranges of the image. */
  readonly changes: () => Patch;
};

export type FatDiskBase = {
  readonly cache: PieceCache;
  readonly partition: Range;
  readonly geometry: FatGeometry;
  readonly sound: SoundFat;
  /** The sector's bytes, where the file system has one. */
  readonly info: Uint8Array | undefined;
};

const BOOT_SECTOR = 0;
const INFO_SECTOR = 1;
const FAT_SECTOR = 2;
/**
 * FatFs tells FAT32 from FAT16 by the count of clusters, Linux and dosfstools do not; so small FAT32 volumes get
 * extra clusters that exist only in FatFs's view and are marked bad.
 * http://elm-chan.org/fsw/ff/ (mount_volume in ff.c of R0.15, MAX_FAT16)
 */
const FEWEST_CLUSTERS = 0xfff6;
const BAD_CLUSTER = 0x0ffffff7;

const INFO_FREE_AT = 488;
const INFO_NEXT_AT = 492;

const bootSector = (
  geometry: FatGeometry,
  fatSectors: number,
  sectorCount: number,
): Buffer => {
  const boot = Buffer.alloc(geometry.sectorSize);
  boot.set([0xeb, 0x58, 0x90]); // a jump, without which it is not a boot sector
  boot.writeUInt16LE(geometry.sectorSize, 11);
  boot.writeUInt8(geometry.clusterSize / geometry.sectorSize, 13);
  boot.writeUInt16LE(FAT_SECTOR, 14);
  boot.writeUInt8(1, 16); // one FAT copy
  boot.writeUInt8(0xf8, 21);
  boot.writeUInt32LE(sectorCount, 32);
  boot.writeUInt32LE(fatSectors, 36);
  boot.writeUInt32LE(geometry.rootCluster, 44);
  boot.writeUInt16LE(INFO_SECTOR, 48);
  boot.write("FAT32   ", 82, "latin1");
  boot.writeUInt16LE(0xaa55, 510);
  return boot;
};

/** FSInfo with the number of free clusters as counted here, because the base's own may be wrong or missing. */
const infoSector = (base: FatDiskBase): Buffer => {
  const info = Buffer.alloc(base.geometry.sectorSize);
  info.writeUInt32LE(0x41615252, 0);
  info.writeUInt32LE(0x61417272, 484);
  info.writeUInt32LE(base.sound.freeClusters, INFO_FREE_AT);
  const next =
    base.info === undefined
      ? 0
      : Buffer.from(base.info).readUInt32LE(INFO_NEXT_AT);
  const known = next >= 2 && next < base.geometry.clusters + 2;
  info.writeUInt32LE(known ? next : 2, INFO_NEXT_AT);
  info.writeUInt16LE(0xaa55, 510);
  return info;
};

/** A disk whose writes are kept aside; `base` itself never changes, so that many edits can start from it. */
export const fatDisk = (base: FatDiskBase): FatDisk => {
  const { cache, partition, geometry, sound } = base;
  const { sectorSize, clusterSize } = geometry;
  const clusters = Math.max(geometry.clusters, FEWEST_CLUSTERS);
  const fatSectors = Math.ceil(((clusters + 2) * 4) / sectorSize);
  const dataSector = FAT_SECTOR + fatSectors;
  const sectorCount = dataSector + clusters * (clusterSize / sectorSize);
  const written = new Map<number, Uint8Array>();
  // Only these sectors are compared with the base, so that the patch does not depend on what the cache happens to hold.
  const readFromBase = new Set<number>();
  written.set(BOOT_SECTOR, bootSector(geometry, fatSectors, sectorCount));
  written.set(INFO_SECTOR, infoSector(base));

  const dataOffset = (sector: number): number =>
    partition.offset + geometry.dataOffset + (sector - dataSector) * sectorSize;

  /** A sector of the FAT, with every entry marked bad that stands for no cluster of the volume. */
  const fatSector = (index: number): Buffer => {
    const bytes = Buffer.alloc(sectorSize);
    sound.fat.copy(bytes, 0, index * sectorSize, (index + 1) * sectorSize);
    const beyond = geometry.clusters + 2 - index * (sectorSize / 4);
    for (let entry = Math.max(beyond, 0); entry < sectorSize / 4; entry += 1) {
      bytes.writeUInt32LE(BAD_CLUSTER, entry * 4);
    }
    return bytes;
  };

  const readSector = (sector: number): Uint8Array => {
    const known = written.get(sector);
    if (known !== undefined) {
      return known;
    }
    if (sector < dataSector) {
      return fatSector(sector - FAT_SECTOR);
    }
    const bytes = cache.peek(dataOffset(sector), sectorSize);
    if (bytes === undefined) {
      throw new MissingBytes({
        offset: dataOffset(sector),
        length: sectorSize,
      });
    }
    readFromBase.add(sector);
    return bytes;
  };

  /** A changed FAT sector for the image; entries beyond the last cluster stay as the base has them. */
  const imageFatSector = (index: number, changed: Uint8Array): Buffer => {
    const bytes = Buffer.from(changed);
    const real = (geometry.clusters + 2) * 4 - index * sectorSize;
    if (real < sectorSize) {
      sound.fat.copy(
        bytes,
        Math.max(real, 0),
        index * sectorSize + Math.max(real, 0),
        (index + 1) * sectorSize,
      );
    }
    return bytes;
  };

  const changes = (): Patch => {
    const parts: PatchPart[] = [];
    let freed = 0;
    for (const [sector, data] of written) {
      if (sector < FAT_SECTOR) {
        continue;
      }
      if (sector >= dataSector) {
        const before = readFromBase.has(sector)
          ? cache.peek(dataOffset(sector), sectorSize)
          : undefined;
        if (before === undefined || !Buffer.from(data).equals(before)) {
          parts.push({ offset: dataOffset(sector), data });
        }
        continue;
      }
      const index = sector - FAT_SECTOR;
      const bytes = imageFatSector(index, data);
      const before = sound.fat.subarray(
        index * sectorSize,
        (index + 1) * sectorSize,
      );
      if (bytes.equals(before)) {
        continue;
      }
      for (let entry = 0; entry < sectorSize / 4; entry += 1) {
        freed +=
          Number(isFreeCluster(bytes, entry)) -
          Number(isFreeCluster(before, entry));
      }
      for (let copy = 0; copy < geometry.fatCopies; copy += 1) {
        const start =
          partition.offset + geometry.fatOffset + copy * geometry.fatLength;
        parts.push({ offset: start + index * sectorSize, data: bytes });
      }
    }
    if (
      parts.length > 0 &&
      base.info !== undefined &&
      geometry.infoOffset !== undefined
    ) {
      const info = Buffer.from(base.info);
      info.writeUInt32LE(sound.freeClusters + freed, INFO_FREE_AT);
      const next = Buffer.from(readSector(INFO_SECTOR)).readUInt32LE(
        INFO_NEXT_AT,
      );
      info.writeUInt32LE(next < geometry.clusters + 2 ? next : 2, INFO_NEXT_AT);
      parts.push({
        offset: partition.offset + geometry.infoOffset,
        data: info,
      });
    }
    return joinPatch(parts);
  };

  return {
    sectorSize,
    sectorCount,
    read: (sector, count) => {
      if (count === 1) {
        return readSector(sector);
      }
      const bytes = new Uint8Array(count * sectorSize);
      for (let index = 0; index < count; index += 1) {
        bytes.set(readSector(sector + index), index * sectorSize);
      }
      return bytes;
    },
    write: (sector, data) => {
      for (let at = 0; at < data.length; at += sectorSize) {
        written.set(sector + at / sectorSize, data.slice(at, at + sectorSize));
      }
    },
    changes,
  };
};
