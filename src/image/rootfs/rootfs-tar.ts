// Reads a root file system from a tar archive, entry by entry, and refuses what could reach out of its folder.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Header } from "tar-stream";
import { awaitedLater } from "../../report/awaited-later.ts";
import { UserError } from "../../report/user-error.ts";
import { imageDamaged, imageRefused } from "../archive/damage.ts";

/** Ten times what a distribution's root file system has. */
const MAX_BYTES = 8 * 1024 ** 3;
const MAX_ENTRIES = 1_000_000;
const MAX_NAME = 255;

type Common = {
  /** Relative, without "./" and a slash at its end; never "". */
  readonly path: string;
  /** Permission bits, with those for setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
};

export type RootfsEntry = Common &
  (
    | { readonly kind: "directory" }
    | { readonly kind: "file"; readonly bytes: AsyncIterable<Uint8Array> }
    | { readonly kind: "symlink"; readonly target: string }
    | { readonly kind: "hardlink"; readonly target: string }
  );

const USE_ORIGINAL =
  "use the archive as its makers publish it; nothing of it was kept";

const refused = (archive: string, why: string) =>
  imageRefused(archive, why, USE_ORIGINAL);

/** Undefined for the root itself. */
const safePath = (archive: string, name: string): string | undefined => {
  const shown = JSON.stringify(name.slice(0, 100));
  if (name.startsWith("/")) {
    throw refused(archive, `it has an entry with an absolute path, ${shown}`);
  }
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw refused(archive, `it has an entry outside of itself, ${shown}`);
  }
  // debugfs reads its commands line by line, so a line break in a name could add a command.
  if (/\p{Cc}/u.test(name)) {
    throw refused(
      archive,
      `it has an entry with a control character in its name, ${shown}`,
    );
  }
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME)) {
    throw refused(archive, `it has an entry whose name is too long, ${shown}`);
  }
  return parts.length === 0 ? undefined : parts.join("/");
};

/** Sparse files are stored in private formats, in which an entry's data is not the file's contents. */
const isSparse = ({ name, pax }: Header): boolean =>
  name.includes("GNUSparseFile.") ||
  Object.keys(pax ?? {}).some((key) => key.startsWith("GNU.sparse"));

const commonOf = (path: string, { mode, uid, gid, mtime }: Header): Common => ({
  path,
  mode: mode & 0o7777,
  uid,
  gid,
  mtime: Math.max(0, Math.floor(mtime.getTime() / 1000)),
});

const entryOf = (
  archive: string,
  path: string,
  header: Header,
  bytes: AsyncIterable<Uint8Array>,
): RootfsEntry => {
  const common = commonOf(path, header);
  const { type, linkname } = header;
  if (isSparse(header)) {
    throw refused(archive, `it has a sparse file, ${path}`);
  }
  switch (type) {
    case "directory":
      return { ...common, kind: "directory" };
    case "file":
    case "contiguous-file":
      return { ...common, kind: "file", bytes };
    case "symlink":
      if (linkname === "" || /\p{Cc}/u.test(linkname)) {
        throw refused(archive, `it has a link to nothing, ${path}`);
      }
      return { ...common, kind: "symlink", target: linkname };
    case "link":
      return {
        ...common,
        kind: "hardlink",
        target: safePath(archive, linkname) ?? "",
      };
    default:
      // tar-stream gives null for a type that it does not know.
      throw refused(
        archive,
        `it has an entry that is neither a file nor a folder nor a link, ${path} (${type ?? "unknown"})`,
      );
  }
};

const isGzip = async (path: string): Promise<boolean> => {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await file.close();
  }
};

/** A refusal, or a failure of this computer's disk; any other error is the archive's fault. */
const isOurs = (error: unknown): boolean =>
  error instanceof UserError || (error instanceof Error && "syscall" in error);

/**
 * Calls `take` for every entry, in the archive's order; a file's bytes must be read before it returns. Throws IMAGE_REFUSED
 * for paths that are absolute or lead out of the folder, for devices and sparse files, and for more than 8 GiB or a million
 * entries; IMAGE_DAMAGED for a file that is cut off or is no tar archive.
 */
export const readRootfs = async (
  archive: string,
  signal: AbortSignal,
  take: (entry: RootfsEntry) => Promise<void>,
): Promise<void> => {
  const tar = extract();
  const unpack = (await isGzip(archive))
    ? createGunzip()
    : new Transform({
        transform: (chunk, _encoding, done) => done(null, chunk),
      });
  const feeding = pipeline(createReadStream(archive), unpack, tar, { signal });
  // The loop below reads from the same stream and reports its failure.
  awaitedLater(feeding);
  let bytes = 0;
  let entries = 0;
  let ours: unknown;
  try {
    for await (const entry of tar) {
      const { header } = entry;
      bytes += header.size;
      entries += 1;
      try {
        if (bytes > MAX_BYTES || entries > MAX_ENTRIES) {
          throw refused(
            archive,
            "it unpacks to more than any root file system has",
          );
        }
        const path = safePath(archive, header.name);
        if (path !== undefined) {
          await take(
            entryOf(archive, path, header, entry as AsyncIterable<Uint8Array>),
          );
        }
      } catch (error) {
        // An archive that ends too early fails where its bytes are read.
        ours = isOurs(error) ? error : undefined;
        throw error;
      }
      entry.resume();
    }
    await feeding;
  } catch (error) {
    tar.destroy();
    await Promise.allSettled([feeding]);
    if (ours !== undefined) {
      throw ours;
    }
    signal.throwIfAborted();
    throw imageDamaged(
      archive,
      "it is not a whole tar archive",
      [error instanceof Error ? error.message : ""],
      error,
    );
  }
  if (entries === 0) {
    throw imageDamaged(archive, "it has no entries");
  }
};
