// Brings an archive from a server into the cache, under its digest, at most once.
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { EXIT } from "../report/exit-codes.ts";
import { UserError } from "../report/user-error.ts";
import { publishFile } from "../system/atomic-file.ts";
import { existsAt } from "../system/read-if-there.ts";
import {
  type CacheOptions,
  cachePath,
  withEntryLock,
} from "../network/cache.ts";
import { demandChecksums } from "./proof/checksums.ts";
import { digestFile, rememberDigest } from "../network/digest-file.ts";
import {
  download,
  type Downloaded,
  type DownloadOptions,
} from "../network/download.ts";
import { fromFirstServer } from "../network/first-server.ts";
import { removePartialFile } from "../network/partial-file.ts";

type WantedArchive = {
  /** Servers that have it, asked in this order; not empty. */
  readonly urls: readonly URL[];
  /** Undefined where any content is accepted. */
  readonly sha256: string | undefined;
  /** Where it is known: a larger file is given up before all of it was fetched. */
  readonly bytes?: number | undefined;
  /** Where the checksum comes from, for messages. */
  readonly from: string;
  /** What messages call it. */
  readonly name: string;
  /** Throws unless the file at this path may be taken; asked before it gets its name in the cache. */
  readonly prove?: ((path: string) => Promise<void>) | undefined;
};

type Archive = { readonly path: string; readonly sha256: string };

/** The archive from the cache, when it is there and still has its digest; a corrupt one is removed. */
export const cachedArchive = async (
  sha256: string,
  name: string,
  options: CacheOptions,
): Promise<Archive | undefined> => {
  const path = await cachePath(options.env, "archives", sha256);
  if (!(await existsAt(path))) {
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

/** The entry's name while the content is not known yet. */
const keyOf = ({ sha256, urls }: WantedArchive): string =>
  sha256 ??
  createHash("sha256")
    .update(urls.map(({ href }) => href).join("\n"))
    .digest("hex");

const isUntrusted = (error: unknown): boolean =>
  error instanceof UserError && error.exitCode === EXIT.untrusted;

/** Throws unless the downloaded file is the wanted one; any other failure says nothing about the file. */
const demandWanted = async (
  partial: string,
  sha256: string,
  wanted: WantedArchive,
): Promise<void> => {
  if (wanted.sha256 !== undefined) {
    demandChecksums(wanted.name, sha256, [
      { sha256: wanted.sha256, from: wanted.from },
    ]);
  }
  await wanted.prove?.(partial);
};

const downloadFrom = async (
  url: URL,
  wanted: WantedArchive,
  options: DownloadOptions,
): Promise<Archive> => {
  const partial = await cachePath(
    options.env,
    "downloads",
    `${keyOf(wanted)}.partial`,
  );
  for (let startedAnew = false; ; startedAnew = true) {
    let downloaded: Downloaded | undefined;
    try {
      downloaded = await download(url, partial, {
        ...options,
        limit: wanted.bytes,
      });
      await demandWanted(partial, downloaded.sha256, wanted);
    } catch (error) {
      if (!isUntrusted(error)) {
        throw error;
      }
      await removePartialFile(partial);
      // A server that sends wrong ranges spoils only a resumed download; one download from the start is enough to tell that
      // from a wrong file.
      if (downloaded?.resumed === true && !startedAnew) {
        continue;
      }
      throw error;
    }
    const { sha256 } = downloaded;
    const path = await cachePath(options.env, "archives", sha256);
    await publishFile(partial, path);
    await removePartialFile(partial);
    await rememberDigest(path, sha256, options.env);
    return { path, sha256 };
  }
};

/**
 * Throws NetworkFailure, CHECKSUM_MISMATCH (then nothing is kept) and DISK_FULL (then the part is kept); with several
 * servers, only when none of them has the file.
 */
export const fetchArchive = async (
  wanted: WantedArchive,
  options: DownloadOptions,
): Promise<Archive> => {
  const entry = await cachePath(options.env, "archives", keyOf(wanted));
  return withEntryLock(entry, options, async () => {
    const cached =
      wanted.sha256 === undefined
        ? undefined
        : await cachedArchive(wanted.sha256, wanted.name, options);
    if (cached !== undefined) {
      await wanted.prove?.(cached.path);
    }
    return (
      cached ??
      fromFirstServer(wanted.urls, options.report, (url) =>
        downloadFrom(url, wanted, options),
      )
    );
  });
};
