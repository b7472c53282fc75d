// Brings an archive from a server into the cache, under its digest, at most once.
import { createHash } from "node:crypto";
import { stat, rm } from "node:fs/promises";
import { publishFile } from "../system/atomic-file.ts";
import { type CacheOptions, cachePath, withEntryLock } from "./cache.ts";
import { demandChecksums } from "./checksums.ts";
import { digestFile, rememberDigest } from "./digest-file.ts";
import { download, type DownloadOptions } from "./download.ts";
import { removePartialFile } from "./partial-file.ts";

type Wanted = {
  readonly url: URL;
  /** Undefined: whatever comes is taken. */
  readonly sha256: string | undefined;
  /** Who says that this is the checksum. */
  readonly from: string;
  /** What messages call it. */
  readonly name: string;
};

type Archive = { readonly path: string; readonly sha256: string };

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The archive from the cache, when it is there and still has its digest; a corrupt one is removed. */
export const cachedArchive = async (
  sha256: string,
  name: string,
  options: CacheOptions,
): Promise<Archive | undefined> => {
  const path = await cachePath(options.env, "archives", sha256);
  if (!(await exists(path))) {
    return undefined;
  }
  const found = await digestFile(path, { ...options, subject: name });
  if (found === sha256) {
    return { path, sha256 };
  }
  options.report({
    type: "warning",
    message: `the copy of ${name} in the cache has changed since it was made; it is removed`,
    hint: "if this happens again, check the disk under the cache",
  });
  await rm(path, { force: true });
  return undefined;
};

const downloadInto = async (
  wanted: Wanted,
  options: DownloadOptions,
): Promise<Archive> => {
  const key =
    wanted.sha256 ?? createHash("sha256").update(wanted.url.href).digest("hex");
  const partial = await cachePath(options.env, "downloads", `${key}.partial`);
  for (;;) {
    const { sha256, resumed } = await download(wanted.url, partial, options);
    const again = resumed && sha256 !== (wanted.sha256 ?? sha256);
    if (again) {
      // A server that lies about ranges spoils only what is put together.
      await removePartialFile(partial);
      continue;
    }
    if (wanted.sha256 !== undefined && sha256 !== wanted.sha256) {
      await removePartialFile(partial);
      demandChecksums(wanted.name, sha256, [
        { sha256: wanted.sha256, from: wanted.from },
      ]);
    }
    const path = await cachePath(options.env, "archives", sha256);
    await publishFile(partial, path);
    await removePartialFile(partial);
    await rememberDigest(path, sha256, options.env);
    return { path, sha256 };
  }
};

/** Throws NetworkFailure, CHECKSUM_MISMATCH (then nothing is kept), DISK_FULL (then the part is kept). */
export const fetchArchive = async (
  wanted: Wanted,
  options: DownloadOptions,
): Promise<Archive> => {
  const key =
    wanted.sha256 ?? createHash("sha256").update(wanted.url.href).digest("hex");
  const entry = await cachePath(options.env, "archives", key);
  return withEntryLock(entry, options, async () => {
    const cached =
      wanted.sha256 === undefined
        ? undefined
        : await cachedArchive(wanted.sha256, wanted.name, options);
    return cached ?? downloadInto(wanted, options);
  });
};
