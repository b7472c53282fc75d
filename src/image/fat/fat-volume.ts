// Files of the boot partition, by path, for code that edits them: FatFs with every result checked.
import * as FatFs from "js-fatfs";
import { formatBytes } from "../../report/amounts.ts";
import type { UserError } from "../../report/user-error.ts";
import {
  bootPartitionDamaged,
  bootPartitionFull,
  bootPartitionUnsupported,
} from "../boot/boot-partition-errors.ts";
import type { FatDisk } from "./fat-disk.ts";

export type FatEntry = {
  readonly name: string;
  readonly folder: boolean;
  /** Bytes; 0 for folders. */
  readonly size: number;
};

/** Paths are relative to the root and use `/`; as on any FAT, upper and lower case are the same. */
export type FatVolume = {
  /** Undefined when there is no such file. */
  readonly readFile: (path: string) => Buffer | undefined;
  /** Makes the file or replaces it; its folder must exist. Throws BOOT_PARTITION_FULL before it writes. */
  readonly writeFile: (path: string, data: Uint8Array) => void;
  /** Does nothing when there is no such file. */
  readonly remove: (path: string) => void;
  readonly exists: (path: string) => boolean;
  /** The entries of a folder, "" for the root. */
  readonly list: (folder: string) => readonly FatEntry[];
  readonly freeBytes: () => number;
};

/** Settings and seeds are far smaller; anything larger is neither. */
const LONGEST_READ = 16 * 1024 * 1024;
const CHUNK = 64 * 1024;

/**
 * Offsets in the structures of the pinned js-fatfs, whose sizes are checked before use: FIL.dir_sect and
 * FIL.dir_ptr, and FATFS.win, the buffer that dir_ptr points into. (FatFs R0.15, ff.h)
 */
const FIL_DIRECTORY_SECTOR = 32;
const FIL_DIRECTORY_POINTER = 36;
const FATFS_WINDOW = 56;
const STRUCTURE_SIZES = { file: 4136, volume: 4152 };
const ATTRIBUTE_AT = 11;

const unexpected = (what: string, path: string, result: number): UserError => {
  switch (result) {
    case FatFs.FR_INT_ERR:
    case FatFs.FR_DISK_ERR:
    case FatFs.FR_NO_FILESYSTEM:
      return bootPartitionDamaged(`the FAT driver cannot ${what} ${path}`);
    default:
      throw new Error(`FatFs: cannot ${what} ${path}, result ${result}`);
  }
};

const notAFile = (path: string): UserError =>
  bootPartitionUnsupported(
    `${path} in the boot partition is a folder, not a file`,
  );

/** The volume and how to close it; nothing may be called after `close`. */
type OpenedVolume = { readonly volume: FatVolume; readonly close: () => void };

/** Mounts the disk in `ff`. Errors thrown by the disk pass through every function. */
export const openFatVolume = (
  ff: FatFs.FatFs,
  disk: FatDisk,
  clusterSize: number,
): OpenedVolume => {
  const fs = ff.malloc(FatFs.sizeof_FATFS);
  const file = ff.malloc(FatFs.sizeof_FIL);
  const info = ff.malloc(FatFs.sizeof_FILINFO);
  const folder = ff.malloc(FatFs.sizeof_DIR);
  const buffer = ff.malloc(CHUNK);
  const word = ff.malloc(8);

  const expect = (result: number, what: string, path: string): void => {
    if (result !== FatFs.FR_OK) {
      throw unexpected(what, path, result);
    }
  };
  const mount = (): void => {
    expect(ff.f_mount(fs, "", 1), "mount", "it");
  };
  const stat = (
    path: string,
  ): { attributes: number; size: number } | undefined => {
    const result = ff.f_stat(path, info);
    const absent = [FatFs.FR_NO_FILE, FatFs.FR_NO_PATH, FatFs.FR_INVALID_NAME];
    if (absent.includes(result)) {
      return undefined;
    }
    expect(result, "find", path);
    return {
      attributes: ff.FILINFO_fattrib(info),
      size: ff.FILINFO_fsize(info),
    };
  };
  const freeBytes = (): number => {
    expect(ff.f_getfree("", word, word + 4), "count the free space of", "it");
    return (ff.getValue(word, "i32") >>> 0) * clusterSize;
  };
  /** Files copied from a read-only store carry the flag. It is cleared in the folder, because FatFs is built without f_chmod. */
  const clearReadOnly = (path: string): void => {
    if (
      FatFs.sizeof_FIL !== STRUCTURE_SIZES.file ||
      FatFs.sizeof_FATFS !== STRUCTURE_SIZES.volume
    ) {
      throw new Error("this version of js-fatfs has other structures");
    }
    expect(ff.f_open(file, path, FatFs.FA_READ), "open", path);
    const sector = ff.getValue(file + FIL_DIRECTORY_SECTOR, "i32") >>> 0;
    const at =
      ff.getValue(file + FIL_DIRECTORY_POINTER, "i32") - (fs + FATFS_WINDOW);
    expect(ff.f_close(file), "close", path);
    const bytes = Buffer.from(disk.read(sector, 1));
    bytes.writeUInt8(
      bytes.readUInt8(at + ATTRIBUTE_AT) & ~FatFs.AM_RDO,
      at + ATTRIBUTE_AT,
    );
    disk.write(sector, bytes);
    mount(); // FatFs may still hold the old sector in its window
  };

  const makeWritable = (path: string): void => {
    const found = stat(path);
    if (found !== undefined && (found.attributes & FatFs.AM_DIR) !== 0) {
      throw notAFile(path);
    }
    if (found !== undefined && (found.attributes & FatFs.AM_RDO) !== 0) {
      clearReadOnly(path);
    }
  };

  const readFile = (path: string): Buffer | undefined => {
    const found = stat(path);
    if (found === undefined) {
      return undefined;
    }
    if ((found.attributes & FatFs.AM_DIR) !== 0) {
      throw notAFile(path);
    }
    if (found.size > LONGEST_READ) {
      throw bootPartitionUnsupported(
        `${path} in the boot partition has ${formatBytes(found.size)}, too much for a text of settings`,
      );
    }
    expect(ff.f_open(file, path, FatFs.FA_READ), "open", path);
    const data = Buffer.alloc(found.size);
    for (let at = 0; at < data.length;) {
      expect(
        ff.f_read(file, buffer, Math.min(CHUNK, data.length - at), word),
        "read",
        path,
      );
      const count = ff.getValue(word, "i32");
      if (count === 0) {
        throw unexpected("read", path, FatFs.FR_INT_ERR);
      }
      data.set(ff.HEAPU8.subarray(buffer, buffer + count), at);
      at += count;
    }
    expect(ff.f_close(file), "close", path);
    return data;
  };

  const writeFile = (path: string, data: Uint8Array): void => {
    const clusters = (bytes: number) =>
      Math.ceil(bytes / clusterSize) * clusterSize;
    makeWritable(path);
    const free = freeBytes() + clusters(stat(path)?.size ?? 0);
    if (clusters(data.length) > free) {
      throw bootPartitionFull(path, data.length, free);
    }
    const opened = ff.f_open(
      file,
      path,
      FatFs.FA_WRITE | FatFs.FA_CREATE_ALWAYS,
    );
    if (opened === FatFs.FR_DENIED) {
      // The folder needs one more cluster for the name.
      throw bootPartitionFull(path, data.length + clusterSize, free);
    }
    expect(opened, "make", path);
    for (let at = 0; at < data.length; at += CHUNK) {
      const chunk = data.subarray(at, at + CHUNK);
      ff.HEAPU8.set(chunk, buffer);
      expect(ff.f_write(file, buffer, chunk.length, word), "write", path);
      // FatFs reports a full volume only by a short count; the folder may have taken the last cluster.
      if (ff.getValue(word, "i32") !== chunk.length) {
        throw bootPartitionFull(path, data.length + clusterSize, free);
      }
    }
    expect(ff.f_close(file), "close", path);
  };

  const list = (path: string): readonly FatEntry[] => {
    expect(ff.f_opendir(folder, path), "open", path);
    const entries: FatEntry[] = [];
    for (;;) {
      expect(ff.f_readdir(folder, info), "list", path);
      const name = ff.FILINFO_fname(info);
      if (name === "") {
        break;
      }
      entries.push({
        name,
        folder: (ff.FILINFO_fattrib(info) & FatFs.AM_DIR) !== 0,
        size: ff.FILINFO_fsize(info),
      });
    }
    expect(ff.f_closedir(folder), "close", path);
    return entries;
  };

  mount();
  return {
    volume: {
      readFile,
      writeFile,
      remove: (path) => {
        if (stat(path) === undefined) {
          return;
        }
        makeWritable(path);
        expect(ff.f_unlink(path), "remove", path);
      },
      exists: (path) => stat(path) !== undefined,
      list,
      freeBytes,
    },
    close: () => {
      expect(ff.f_unmount(""), "unmount", "it");
    },
  };
};
