// Unpacks a root file system into a folder of an ordinary user, and remembers who owns what.
import { createWriteStream } from "node:fs";
import { link, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { imageRefused } from "../archive/damage.ts";
import { readRootfs, type RootfsEntry } from "./rootfs-tar.ts";

/** What must be set for an entry in a file system that is made from the folder. */
export type OwnedEntry = {
  readonly path: string;
  readonly kind: "directory" | "file" | "symlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
};

type Seen = Map<string, OwnedEntry>;

const refused = (archive: string, why: string) =>
  imageRefused(
    archive,
    why,
    "use the archive as its makers publish it; nothing of it was kept",
  );

/** Makes the folders above a path. Each must be a real folder, because a link could lead anywhere. */
const makeParents = async (
  archive: string,
  folder: string,
  path: string,
  mtime: number,
  seen: Seen,
): Promise<void> => {
  const parent = dirname(path);
  if (parent === ".") {
    return;
  }
  const above = seen.get(parent);
  if (above === undefined) {
    await makeParents(archive, folder, parent, mtime, seen);
    await mkdir(join(folder, parent));
    seen.set(parent, {
      path: parent,
      kind: "directory",
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtime,
    });
  } else if (above.kind !== "directory") {
    throw refused(archive, `its entry ${path} lies behind a ${above.kind}`);
  }
};

const make = async (
  archive: string,
  folder: string,
  entry: RootfsEntry,
  seen: Seen,
): Promise<void> => {
  const { path } = entry;
  const place = join(folder, path);
  switch (entry.kind) {
    case "directory":
      await mkdir(place);
      return;
    case "file":
      await pipeline(
        Readable.from(entry.bytes),
        createWriteStream(place, { flags: "wx", mode: 0o600 }),
      );
      return;
    case "symlink":
      await symlink(entry.target, place);
      return;
    case "hardlink":
      if (seen.get(entry.target)?.kind !== "file") {
        throw refused(archive, `its entry ${path} is a link to no file of it`);
      }
      await link(join(folder, entry.target), place);
  }
};

/** Entries in the archive's order, including folders that it only implies. Throws what `readRootfs` throws. */
export const unpackRootfs = async (
  archive: string,
  folder: string,
  signal: AbortSignal,
): Promise<readonly OwnedEntry[]> => {
  const seen: Seen = new Map();
  await readRootfs(archive, signal, async (entry) => {
    const { path, mode, uid, gid, mtime } = entry;
    const earlier = seen.get(path);
    await makeParents(archive, folder, path, mtime, seen);
    if (earlier === undefined) {
      await make(archive, folder, entry, seen);
    } else if (entry.kind !== "directory" || earlier.kind !== "directory") {
      throw refused(archive, `it has ${path} twice`);
    }
    // A hard link is its target: one file has one mode and one owner.
    const owned =
      entry.kind === "hardlink"
        ? seen.get(entry.target)
        : { path, kind: entry.kind, mode, uid, gid, mtime };
    if (owned !== undefined) {
      seen.set(path, { ...owned, path });
    }
  });
  return [...seen.values()];
};
