// Makes a FAT32 file system in an image and copies a folder into it, in user space.
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as FatFs from "js-fatfs";
import type { FatDisk } from "./fat-disk.ts";
import { openFatVolume } from "./fat-volume.ts";
import { startFatFs } from "./fatfs.ts";
import type { Range } from "../range.ts";

const SECTOR = 512;
const CLUSTER = 4096;
const WORK = 64 * 1024;

/** A part of a file as FatFs sees a disk. */
const fileDisk = (fd: number, { offset, length }: Range): FatDisk => ({
  sectorSize: SECTOR,
  sectorCount: length / SECTOR,
  read: (sector, count) => {
    const bytes = Buffer.alloc(count * SECTOR);
    readSync(fd, bytes, 0, bytes.length, offset + sector * SECTOR);
    return bytes;
  },
  write: (sector, data) => {
    for (let done = 0; done < data.length;) {
      done += writeSync(
        fd,
        data,
        done,
        data.length - done,
        offset + sector * SECTOR + done,
      );
    }
  },
  changes: () => [],
});

const demandOk = (what: string, result: number): void => {
  if (result !== FatFs.FR_OK) {
    throw new Error(`FatFs cannot ${what}, result ${result}`);
  }
};

/** Folders first, each after the one that it is in. */
const foldersAndFiles = async (
  root: string,
): Promise<{
  readonly folders: readonly string[];
  readonly files: readonly string[];
}> => {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = (of: typeof found) =>
    of
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .replaceAll("\\", "/"),
      )
      .toSorted();
  return {
    folders: paths(found.filter((entry) => entry.isDirectory())),
    files: paths(found.filter((entry) => entry.isFile())),
  };
};

/** Anything but files and folders is left out, because FAT cannot hold it. Throws BOOT_PARTITION_FULL. */
export const makeFat = async (
  image: string,
  range: Range,
  folder: string,
  now: Date,
): Promise<void> => {
  const { folders, files } = await foldersAndFiles(folder);
  const fd = openSync(image, "r+");
  try {
    const disk = fileDisk(fd, range);
    const ff = await startFatFs(disk, now);
    const work = ff.malloc(WORK);
    demandOk(
      "make a file system",
      ff.f_mkfs(
        "",
        {
          fmt: FatFs.FM_FAT32 | FatFs.FM_SFD,
          n_fat: 2,
          align: 1,
          n_root: 0,
          au_size: CLUSTER,
        },
        work,
        WORK,
      ),
    );
    const volume = ff.malloc(FatFs.sizeof_FATFS);
    demandOk("mount the file system", ff.f_mount(volume, "", 1));
    for (const path of folders) {
      demandOk(`make the folder ${path}`, ff.f_mkdir(path));
    }
    demandOk("unmount the file system", ff.f_unmount(""));
    const opened = openFatVolume(ff, disk, CLUSTER);
    for (const path of files) {
      opened.volume.writeFile(path, await readFile(join(folder, path)));
    }
    opened.close();
  } finally {
    closeSync(fd);
  }
};
