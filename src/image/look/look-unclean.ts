// Whether a file system was unmounted before its disk was copied, judged by the marks that its own driver goes by.
import { extName, extState, extSuperblock } from "../ext4/ext-marks.ts";
import { fatName, findFat } from "../fat/boot-sector.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { f2fs } from "./unclean-f2fs.ts";
import { ntfs } from "./unclean-ntfs.ts";
import { NOT_UNMOUNTED, type ReadPart, type Unclean } from "./unclean.ts";

/** How much of a file system's start is read: enough for btrfs's superblock, and for the first FAT of all but odd volumes. */
const START = 128 * 1024;

const ext = (start: Buffer): Unclean | undefined => {
  const sb = extSuperblock(start);
  if (sb === undefined) {
    return undefined;
  }
  const { clean, hasErrors, needsRecovery } = extState(sb);
  const name = extName(sb);
  if (needsRecovery) {
    return {
      name,
      reason: `${NOT_UNMOUNTED}: its journal holds changes that are not in it yet`,
    };
  }
  if (hasErrors) {
    return { name, reason: "is marked as having errors" };
  }
  return clean ? undefined : { name, reason: NOT_UNMOUNTED };
};

/** FAT entry 1: a bit that is set by a clean unmount, and one that an error clears ("FAT32 File System Specification"). */
const FLAGS = {
  FAT32: { clean: 0x0800_0000, sound: 0x0400_0000 },
  FAT16: { clean: 0x8000, sound: 0x4000 },
} as const;

/**
 * The bits of the table, and the one in the boot sector that Linux sets while the volume is mounted.
 * https://github.com/torvalds/linux/blob/v6.8/fs/fat/inode.c (fat_set_state)
 */
const fat = (start: Buffer): Unclean | undefined => {
  const found = findFat(start);
  if (found === undefined) {
    return undefined;
  }
  const name = fatName(found);
  const dirty = (start.readUInt8(name === "FAT32" ? 65 : 37) & 1) !== 0;
  const table = found.reserved;
  if (!dirty && name !== "FAT12" && table + 8 <= start.length) {
    const entry =
      name === "FAT32"
        ? start.readUInt32LE(table + 4)
        : start.readUInt16LE(table + 2);
    const { clean, sound } = FLAGS[name];
    if ((entry & clean) !== 0 && (entry & sound) === 0) {
      return { name, reason: "is marked as having errors" };
    }
    return (entry & clean) === 0 ? { name, reason: NOT_UNMOUNTED } : undefined;
  }
  return dirty ? { name, reason: NOT_UNMOUNTED } : undefined;
};

/** VolumeFlags. https://learn.microsoft.com/windows/win32/fileio/exfat-specification#3113-volumeflags-field */
const exfat = (start: Buffer): Unclean | undefined => {
  if (start.toString("latin1", 3, 11) !== "EXFAT   ") {
    return undefined;
  }
  return (start.readUInt16LE(106) & 2) === 0
    ? undefined
    : { name: "exFAT", reason: NOT_UNMOUNTED };
};

/** A log tree that was not replayed: `log_root` of the superblock. https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html */
const btrfs = (start: Buffer): Unclean | undefined => {
  const at = 64 * 1024;
  if (
    start.length < at + 4096 ||
    start.toString("latin1", at + 64, at + 72) !== "_BHRfS_M"
  ) {
    return undefined;
  }
  return start.readBigUInt64LE(at + 0x60) === 0n
    ? undefined
    : { name: "btrfs", reason: NOT_UNMOUNTED };
};

/** What a suspended system leaves in the place of a swap area's own signature (systemd's and the kernel's "swsusp"). */
const hibernated = (start: Buffer): Unclean | undefined =>
  start.length >= 4096 && start.toString("latin1", 4086, 4095) === "S1SUSPEND"
    ? {
        name: "swap space",
        reason:
          "holds a hibernated system, whose file systems must not be used",
      }
    : undefined;

const JUDGES = [exfat, fat, ext, btrfs, hibernated];

/** The marks of these file systems lie far from their start. */
const FAR_JUDGES = [f2fs, ntfs];

/** Why the file system in this place counts as still in use; undefined where it does not, or where that cannot be told. */
export const lookUnclean = async (
  source: Source,
  place: Range,
): Promise<Unclean | undefined> => {
  const length = Math.min(START, place.length, source.size - place.offset);
  if (length < 512) {
    return undefined;
  }
  const start = await source.read(place.offset, length);
  for (const judge of JUDGES) {
    const found = judge(start);
    if (found !== undefined) {
      return found;
    }
  }
  const end = Math.min(place.length, source.size - place.offset);
  const read: ReadPart = (offset, size) => {
    if (offset < 0 || offset + size > end) {
      throw new RangeError(`byte ${offset + size} is behind the file system`);
    }
    return source.read(place.offset + offset, size);
  };
  for (const judge of FAR_JUDGES) {
    const found = await judge(start, read);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
};
