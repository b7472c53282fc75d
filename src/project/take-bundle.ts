// A bundle that another computer wrote: into the cache, if it is the one that the lockfile has.
import { copyFile } from "node:fs/promises";
import type { BundleIndex } from "../bundle/bundle-index.ts";
import type { LockedBundle } from "../bundle/locked-bundle.ts";
import { readIndex } from "../bundle/read-index.ts";
import { openFileSource } from "../image/source.ts";
import {
  type CacheOptions,
  cachePath,
  withEntryLock,
} from "../network/cache.ts";
import { digestFile } from "../network/digest-file.ts";
import { UserError } from "../report/user-error.ts";
import { publishFile, temporaryName } from "../system/atomic-file.ts";
import { existsAt } from "../system/read-if-there.ts";

/** Throws ARCHIVE_WRONG. */
const readBundleIndex = async (path: string): Promise<BundleIndex> => {
  const file = await openFileSource(path);
  try {
    return await readIndex(file, 0, path);
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
