// A bundle that another computer wrote: into the cache, if it is the one that the lockfile has.
import { copyFile, open } from "node:fs/promises";
import {
  type BundleIndex,
  INDEX_NAME,
  parseIndex,
} from "../bundle/bundle-index.ts";
import { archiveWrong } from "../bundle/debian/archive-wrong.ts";
import type { LockedBundle } from "../bundle/locked-bundle.ts";
import {
  type CacheOptions,
  cachePath,
  withEntryLock,
} from "../network/cache.ts";
import { digestFile } from "../network/digest-file.ts";
import { UserError } from "../report/user-error.ts";
import { publishFile, temporaryName } from "../system/atomic-file.ts";
import { readAt } from "../system/exact-io.ts";
import { existsAt } from "../system/read-if-there.ts";

const HEADER = 512;
/** A thousand packages have a tenth of this. */
const INDEX_LIMIT = 1024 * 1024;

/** What a file says of itself; nothing of it is believed. Throws ARCHIVE_WRONG. */
export const readBundleIndex = async (path: string): Promise<BundleIndex> => {
  const file = await open(path, "r");
  try {
    const header = Buffer.alloc(HEADER);
    const there = await readAt(file, header, 0);
    const text = header.toString("latin1");
    const bytes = Number.parseInt(text.slice(124, 136), 8);
    if (
      there < HEADER ||
      text.slice(0, 100).replace(/\0+$/, "") !== INDEX_NAME ||
      !(bytes > 0 && bytes <= INDEX_LIMIT)
    ) {
      throw archiveWrong(path, "is not a bundle");
    }
    const index = Buffer.alloc(bytes);
    await readAt(file, index, HEADER);
    return parseIndex(index.toString("utf8"), path);
  } finally {
    await file.close();
  }
};

const another = (
  path: string,
  { system, kubernetes }: BundleIndex,
  locked: readonly LockedBundle[],
  lockFile: string,
): UserError =>
  new UserError(
    "CHECKSUM_MISMATCH",
    `${path} is not a bundle that ${lockFile} has`,
    {
      facts: [
        `it is for ${system} with Kubernetes ${kubernetes}`,
        ...locked.map(
          (each) =>
            `${lockFile} has one for ${each.base} with Kubernetes ${each.kubernetes}, SHA-256 ${each.sha256}`,
        ),
      ],
      state: "nothing was written",
      hint: "bring the lockfile of the computer that wrote the bundle along with it",
    },
  );

/** Throws CHECKSUM_MISMATCH for a bundle of another cluster or another day, and ARCHIVE_WRONG for a file that is none. */
export const takeBundle = async (
  path: string,
  locked: readonly LockedBundle[],
  lockFile: string,
  options: CacheOptions,
): Promise<void> => {
  const index = await readBundleIndex(path);
  const sha256 = await digestFile(path, { ...options, subject: path });
  if (!locked.some((each) => each.sha256 === sha256)) {
    throw another(path, index, locked, lockFile);
  }
  const place = await cachePath(options.env, "archives", sha256);
  await withEntryLock(place, options, async () => {
    if (!(await existsAt(place))) {
      const partial = temporaryName(place);
      await copyFile(path, partial);
      await publishFile(partial, place);
    }
  });
};
