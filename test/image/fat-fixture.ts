// A FAT32 volume in a file, edited the way the boot partition of an image is.
import { join } from "node:path";
import {
  editFat,
  prepareFat,
  type EditableFat,
} from "../../src/image/fat/edit-fat.ts";
import type { FatVolume } from "../../src/image/fat/fat-volume.ts";
import { findBootPartition } from "../../src/image/table/find-partitions.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import type { Patch } from "../../src/image/patch.ts";
import {
  behindPrefix,
  makeFat,
  makeMbr,
  openForTest,
  patchFile,
  temporaryFolder,
  withoutPrefix,
} from "./make-image.ts";

/** 2 s is the resolution of FAT times. */
export const NOW = new Date("2026-11-20T10:11:12Z");

/** FAT32 has at least this many clusters, or mtools takes it for FAT16. */
export const FEWEST_CLUSTERS = 65_600;

/** Bytes of the smallest volume with clusters of one sector that every tool takes for FAT32. */
export const SMALL_FAT = 34 * 1024 * 1024;

/** The volume in `path` as partition 1 of an image. */
export const openFat = async (
  path: string,
  prefixSectors = 2048,
): Promise<{ readonly offset: number; readonly fat: EditableFat }> => {
  const partition = await openForTest(path);
  const offset = prefixSectors * 512;
  const prefix = Buffer.alloc(offset);
  prefix.set(makeMbr([{ type: 0x0c, offset, length: partition.size }]));
  const source = behindPrefix(prefix, partition);
  const boot = await findBootPartition(
    source,
    await readPartitionTable(source),
  );
  return { offset, fat: await prepareFat(source, boot) };
};

/** Edits the volume in `path` and writes the patch into it. */
export const editFile = async (
  path: string,
  edit: (volume: FatVolume) => void,
  prefixSectors = 2048,
): Promise<Patch> => {
  const { offset, fat } = await openFat(path, prefixSectors);
  const { patch } = await editFat(fat, NOW, edit);
  await patchFile(path, withoutPrefix(patch, offset));
  return patch;
};

/** A new volume with clusters of one sector. */
export const smallFat = async (): Promise<string> => {
  const path = join(temporaryFolder(), "fat.img");
  await makeFat(path, { size: SMALL_FAT, clusterSectors: 1 });
  return path;
};
