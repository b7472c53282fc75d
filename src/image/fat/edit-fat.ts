// Edits the boot partition of a raw image and returns the change as a patch; the image itself is only read.
import { checkFat } from "./fat-check.ts";
import { fatDisk, MissingBytes, type FatDiskBase } from "./fat-disk.ts";
import { openFatVolume, type FatVolume } from "./fat-volume.ts";
import { startFatFs } from "./fatfs.ts";
import type { BootPartition } from "../table/find-partitions.ts";
import type { Patch } from "../patch.ts";
import { pieceCache, type PieceCache } from "../piece-cache.ts";
import type { Source } from "../source.ts";

/** A checked boot partition, from which any number of edits can start. */
export type EditableFat = FatDiskBase;

/** Each run after the first reads at least one more piece, and twice as much as the run before. */
const MOST_RUNS = 1000;
const FIRST_READ = 64 * 1024;
const LONGEST_READ = 4 * 1024 * 1024;

const readInfoSector = async (
  cache: PieceCache,
  boot: BootPartition,
): Promise<Uint8Array | undefined> => {
  const { infoOffset, sectorSize } = boot.geometry;
  if (infoOffset === undefined) {
    return undefined;
  }
  const info = Buffer.from(
    await cache.read(boot.partition.offset + infoOffset, sectorSize),
  );
  const valid =
    info.readUInt32LE(0) === 0x41615252 &&
    info.readUInt32LE(484) === 0x61417272;
  return valid ? info : undefined;
};

/** Reads the FAT and the folders of the boot partition and checks them; throws BOOT_PARTITION_DAMAGED. */
export const prepareFat = async (
  source: Source,
  boot: BootPartition,
): Promise<EditableFat> => {
  const cache = pieceCache(source);
  const { partition, geometry } = boot;
  const sound = await checkFat(cache, partition, geometry);
  const info = await readInfoSector(cache, boot);
  return { cache, partition, geometry, sound, info };
};

/**
 * Runs `edit` on the volume and returns its result and the changed sectors. FatFs cannot wait for bytes: when some
 * are missing, they are read and `edit` runs again from the start. It must therefore change nothing but the
 * volume, and do the same each time. New files get the time `now`, in UTC.
 */
export const editFat = async <T>(
  fat: EditableFat,
  now: Date,
  edit: (volume: FatVolume) => T,
): Promise<{ readonly result: T; readonly patch: Patch }> => {
  const partitionEnd = fat.partition.offset + fat.partition.length;
  for (let run = 0; run < MOST_RUNS; run += 1) {
    const disk = fatDisk(fat);
    const ff = await startFatFs(disk, now);
    try {
      const { volume, close } = openFatVolume(
        ff,
        disk,
        fat.geometry.clusterSize,
      );
      const result = edit(volume);
      close();
      return { result, patch: disk.changes() };
    } catch (error) {
      if (!(error instanceof MissingBytes)) {
        throw error;
      }
      const { offset } = error.range;
      const ahead = Math.min(FIRST_READ * 2 ** Math.min(run, 16), LONGEST_READ);
      await fat.cache.load(offset, Math.min(ahead, partitionEnd - offset));
    }
  }
  throw new Error(
    `the edit of the boot partition asked for bytes ${MOST_RUNS} times`,
  );
};
