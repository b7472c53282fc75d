// The decoded image of a base as a file: the base itself where it is raw, else a copy that is made once and kept in the
// cache.
import { createHash } from "node:crypto";
import { chmod, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { explainNoRoom, LARGER_CACHE } from "../system/disk-full.ts";
import type { Chunk, ImageReader } from "../image/reader.ts";
import { openFileSource, type Source } from "../image/source.ts";
import { ifAbsent } from "../report/expected-failure.ts";
import {
  publishFile,
  removeStalePartials,
  temporaryName,
  writeFileAtomically,
} from "../system/atomic-file.ts";
import { readWholeText } from "../system/read-whole.ts";
import { writeAt } from "../system/exact-io.ts";
import type { FoundBase } from "./base-request.ts";
import {
  type CacheOptions,
  cachePath,
  withEntryLock,
} from "../network/cache.ts";
import { digestFile, rememberDigest } from "../network/digest-file.ts";
import { keepLimit } from "../network/prune-cache.ts";

/** Zeros are looked for in pieces of this size, a multiple of the file system's block, which holes consist of. */
const PIECE = 64 * 1024;
const ZEROS = Buffer.alloc(PIECE);

const isZero = (bytes: Uint8Array): boolean =>
  ZEROS.subarray(0, bytes.length).equals(bytes);

type Handle = Awaited<ReturnType<typeof open>>;

/** Writes what is not zero; the file's holes read as zero. */
const writeSparse = async (
  handle: Handle,
  { offset, data }: Chunk,
): Promise<void> => {
  let start = 0;
  for (let at = 0; at <= data.length; at += PIECE) {
    const piece = data.subarray(at, at + PIECE);
    if (piece.length === 0 || isZero(piece)) {
      if (at > start) {
        await writeAt(handle, data.subarray(start, at), offset + start);
      }
      start = at + PIECE;
    }
  }
  if (start < data.length) {
    await writeAt(handle, data.subarray(start), offset + start);
  }
};

type OpenArchive = FoundBase & { readonly reader: ImageReader };

/** Decodes the whole base into `path`; returns the SHA-256 of the image. */
const decodeInto = async (
  base: OpenArchive,
  path: string,
  { report, signal }: CacheOptions,
): Promise<string> => {
  const phase = "decode base";
  const total = base.reader.size;
  const subject = base.name;
  report({ type: "phase", phase, subject, total });
  const hash = createHash("sha256");
  const handle = await open(path, "wx", 0o644);
  try {
    let done = 0;
    for await (const chunk of base.reader.chunks()) {
      signal.throwIfAborted();
      await writeSparse(handle, chunk);
      hash.update(chunk.data);
      done = chunk.offset + chunk.data.length;
      report({ type: "progress", phase, subject, done, total });
    }
    await handle.truncate(done);
    await handle.sync();
    return hash.digest("hex");
  } finally {
    await handle.close();
  }
};

const noRoom = (path: string, error: unknown): unknown =>
  explainNoRoom(error, `the decoded base image in ${dirname(path)}`, {
    state: "nothing was kept",
    hint: LARGER_CACHE,
  });

/** The SHA-256 of the archive, and what messages call it. */
type NamedArchive = Pick<FoundBase, "sha256" | "name">;

/**
 * Whether the cached image is there and still has the digest that it was made with. A copy that cannot be read, or whose
 * check is stopped, is not necessarily a bad one, so that error is thrown.
 */
const isIntact = async (
  path: string,
  base: NamedArchive,
  options: CacheOptions,
): Promise<boolean> => {
  try {
    const recorded = await readWholeText(`${path}.sha256`);
    const found = await digestFile(path, { ...options, subject: base.name });
    return found === recorded.trim();
  } catch (error) {
    options.signal.throwIfAborted();
    return ifAbsent(error, false);
  }
};

/**
 * The read-only file of this name in the cache. Where it is missing or not intact, `make` writes it to the path that it is
 * given, and returns its SHA-256. Throws what `make` throws, DISK_FULL and CACHE_UNUSABLE.
 */
export const cachedRaw = async (
  file: string,
  wanted: NamedArchive,
  options: CacheOptions,
  make: (path: string) => Promise<string>,
): Promise<string> => {
  const path = await cachePath(options.env, "raw", file);
  if (await isIntact(path, wanted, options)) {
    return path;
  }
  return withEntryLock(path, options, async () => {
    // Another run may have made it while this one waited.
    if (await isIntact(path, wanted, options)) {
      return path;
    }
    await rm(path, { force: true });
    await removeStalePartials(dirname(path));
    const temporary = temporaryName(path);
    try {
      const sha256 = await make(temporary);
      await chmod(temporary, 0o444);
      await writeFileAtomically(`${path}.sha256`, `${sha256}\n`);
      await publishFile(temporary, path);
      await rememberDigest(path, sha256, options.env);
      await keepLimit(options);
      return path;
    } catch (error) {
      throw noRoom(path, error);
    } finally {
      await rm(temporary, { force: true });
    }
  });
};

/** A read-only file with the decoded image. Throws IMAGE_DAMAGED, DISK_FULL or CACHE_UNUSABLE. */
export const decodedBaseFile = async (
  base: OpenArchive,
  options: CacheOptions,
): Promise<string> =>
  base.reader.format === "raw"
    ? base.path
    : cachedRaw(`${base.sha256}.img`, base, options, (path) =>
        decodeInto(base, path, options),
      );

/**
 * Random access to the decoded image: straight from the archive for a few reads ("seed") where its format allows that,
 * else from the decoded file. Close it before the base's reader.
 */
export const openDecodedBase = async (
  base: OpenArchive,
  purpose: "image" | "seed",
  options: CacheOptions,
): Promise<Source> =>
  purpose === "seed" && base.reader.source !== undefined
    ? { ...base.reader.source, close: async () => undefined }
    : openFileSource(await decodedBaseFile(base, options));
