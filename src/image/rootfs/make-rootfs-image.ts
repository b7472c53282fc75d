// Makes a raw image from a root file system's archive: partition table, FAT32 for /boot, ext4 for the rest.
import { createHash } from "node:crypto";
import {
  lstat,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { makeExt4 } from "../ext4/make-ext4.ts";
import { makeFat } from "../fat/make-fat.ts";
import { imageRefused } from "../archive/damage.ts";
import { DISK_ID_OFFSET } from "../table/mbr.ts";
import { PARTITION_TYPES } from "../table/partition-table.ts";
import { type OwnedEntry, unpackRootfs } from "./unpack-rootfs.ts";

const MiB = 1024 * 1024;
const SECTOR = 512;
const BOOT = { offset: MiB, length: 512 * MiB };
const ROOT_OFFSET = BOOT.offset + BOOT.length;
/** Space for what the first boot writes before the partition has grown to the card's size. */
const ROOM = 512 * MiB;

export type RootfsFile = {
  /** Below the root, without a leading slash; its folder is made where there is none. */
  readonly path: string;
  readonly mode: number;
} & ({ readonly data: Uint8Array } | { readonly target: string });

type RootfsEdit = {
  /** As in RootfsFile; where there is no such file, nothing happens. */
  readonly path: string;
  readonly edit: (text: string) => string;
};

type RootfsImageOptions = {
  readonly archive: string;
  /** Of the archive; all ids and UUIDs are derived from it, so that the same archive gives the same image. */
  readonly sha256: string;
  /** The image to make; it must not exist. */
  readonly image: string;
  /** An empty folder on a disk with room for the unpacked archive; the caller removes it. */
  readonly scratch: string;
  /** Put into the root file system besides the archive's own. */
  readonly files: readonly RootfsFile[];
  /** What is changed in the archive's own; owners and modes stay. */
  readonly edits: readonly RootfsEdit[];
  /** Which of the archive's own files are left out; `path` as in RootfsFile. */
  readonly leftOut: (path: string) => boolean;
  readonly signal: AbortSignal;
};

/** A UUID of version 8, whose bits are ours to choose. https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8 */
const uuidFrom = (sha256: string): string =>
  [
    sha256.slice(0, 8),
    sha256.slice(8, 12),
    `8${sha256.slice(13, 16)}`,
    `8${sha256.slice(17, 20)}`,
    sha256.slice(20, 32),
  ].join("-");

const partitionEntry = (
  type: number,
  { offset, length }: { offset: number; length: number },
): Buffer => {
  const entry = Buffer.alloc(16);
  // Cylinders and heads mean nothing here; these values say so.
  entry.fill(0xff, 1, 4);
  entry.writeUInt8(type, 4);
  entry.fill(0xff, 5, 8);
  entry.writeUInt32LE(offset / SECTOR, 8);
  entry.writeUInt32LE(length / SECTOR, 12);
  return entry;
};

const partitionTable = (diskId: number, rootLength: number): Buffer => {
  const table = Buffer.alloc(SECTOR);
  table.writeUInt32LE(diskId, DISK_ID_OFFSET);
  partitionEntry(PARTITION_TYPES.fat32[1], BOOT).copy(table, 446);
  partitionEntry(PARTITION_TYPES.linux[0], {
    offset: ROOT_OFFSET,
    length: rootLength,
  }).copy(table, 462);
  table.writeUInt16LE(0xaa55, 510);
  return table;
};

/** Writes the extra files as if the archive had them. */
const addFiles = async (
  folder: string,
  entries: readonly OwnedEntry[],
  files: readonly RootfsFile[],
  mtime: number,
): Promise<readonly OwnedEntry[]> => {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const add = (entry: Pick<OwnedEntry, "path" | "kind" | "mode">) =>
    byPath.set(entry.path, { ...entry, uid: 0, gid: 0, mtime });
  for (const file of files) {
    const parts = file.path.split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const path = parts.slice(0, depth).join("/");
      if (!byPath.has(path)) {
        await mkdir(join(folder, path));
        add({ path, kind: "directory", mode: 0o755 });
      }
    }
    const place = join(folder, file.path);
    await rm(place, { force: true });
    if ("data" in file) {
      await writeFile(place, file.data, { flag: "wx" });
      add({ path: file.path, kind: "file", mode: file.mode });
    } else {
      await symlink(file.target, place);
      add({ path: file.path, kind: "symlink", mode: 0o777 });
    }
  }
  return [...byPath.values()];
};

/** Keeps every other byte, whatever the encoding. Links are left alone, because a link in the archive may lead anywhere. */
const editFiles = async (
  folder: string,
  entries: readonly OwnedEntry[],
  edits: readonly RootfsEdit[],
): Promise<void> => {
  for (const { path, edit } of edits) {
    if (entries.some((entry) => entry.path === path && entry.kind === "file")) {
      const place = join(folder, path);
      const text = await readFile(place, "latin1");
      await rm(place);
      await writeFile(place, edit(text), { encoding: "latin1", flag: "wx" });
    }
  }
};

/** Removes what is left out and returns the entries that stay; folders always stay. */
const leaveOut = async (
  folder: string,
  entries: readonly OwnedEntry[],
  leftOut: (path: string) => boolean,
): Promise<readonly OwnedEntry[]> => {
  const goes = ({ path, kind }: OwnedEntry) =>
    kind !== "directory" && leftOut(path);
  for (const { path } of entries.filter(goes)) {
    await rm(join(folder, path));
  }
  return entries.filter((entry) => !goes(entry));
};

const bytesUsed = async (
  folder: string,
  entries: readonly OwnedEntry[],
): Promise<number> => {
  let bytes = 0;
  for (const { path } of entries) {
    // Each takes whole blocks, and an inode of 256 bytes.
    bytes += Math.ceil((await lstat(join(folder, path))).size / 4096) * 4096;
    bytes += 512;
  }
  return bytes;
};

/**
 * Makes the image as an ordinary user, without mounting anything. Throws IMAGE_REFUSED and IMAGE_DAMAGED for the archive,
 * TOOL_MISSING without e2fsprogs, and BOOT_PARTITION_FULL.
 */
export const makeRootfsImage = async ({
  archive,
  sha256,
  image,
  scratch,
  files,
  edits,
  leftOut,
  signal,
}: RootfsImageOptions): Promise<void> => {
  const root = join(scratch, "root");
  const boot = join(scratch, "boot");
  await mkdir(root);
  const unpacked = await unpackRootfs(archive, root, signal);
  const newest = unpacked.reduce((most, { mtime }) => Math.max(most, mtime), 0);
  if (unpacked.find(({ path }) => path === "boot")?.kind !== "directory") {
    throw imageRefused(
      archive,
      "it has no folder /boot for the firmware",
      "use the archive for the Raspberry Pi",
    );
  }
  const kept = await leaveOut(root, unpacked, leftOut);
  // The firmware reads FAT only; on the node it is mounted at /boot.
  await rename(join(root, "boot"), boot);
  await mkdir(join(root, "boot"));
  await editFiles(root, kept, edits);
  const entries = await addFiles(
    root,
    kept.filter(({ path }) => !path.startsWith("boot/")),
    files,
    newest,
  );
  const used = await bytesUsed(root, entries);
  const length = Math.ceil((used * 1.1 + ROOM) / MiB) * MiB;
  const file = await open(image, "wx", 0o644);
  try {
    await file.truncate(ROOT_OFFSET + length);
    const diskId = Number.parseInt(sha256.slice(-8), 16) || 1;
    await file.write(partitionTable(diskId, length), 0, SECTOR, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await makeFat(image, BOOT, boot, new Date(newest * 1000));
  await makeExt4({
    image,
    offset: ROOT_OFFSET,
    length,
    label: "root",
    uuid: uuidFrom(createHash("sha256").update(sha256).digest("hex")),
    folder: root,
    entries,
    script: join(scratch, "owners"),
    time: newest,
    signal,
  });
};
