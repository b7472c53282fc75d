// The cache: archives and decoded images named by the archive's SHA-256, shared by all runs and safe to delete.

import { dirname, join } from "node:path";
import type { Report } from "../report/events.ts";
import { withFileLockInTurn } from "../system/file-lock.ts";
import { cacheFolder } from "../system/folders.ts";
import { makeCacheFolder } from "./cache-folder.ts";

/** What a command passes to every operation on the cache. */
export type CacheOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Whether files are read again although their digests are remembered. */
  readonly anew?: boolean | undefined;
};

type Kind = "archives" | "downloads" | "keys" | "lists" | "raw" | "spool";

/** A path in the cache; its folder exists, and is this user's only. Throws CACHE_UNUSABLE. */
export const cachePath = async (
  env: NodeJS.ProcessEnv,
  kind: Kind,
  name: string,
): Promise<string> => {
  const path = join(cacheFolder(env), kind, name);
  await makeCacheFolder(env, dirname(path));
  return path;
};

/** Runs `action` while no other run works on the same entry; waits for it as long as it takes. */
export const withEntryLock = <Result>(
  path: string,
  { report, signal }: CacheOptions,
  action: () => Promise<Result>,
): Promise<Result> =>
  withFileLockInTurn(
    path,
    {
      signal,
      told: () =>
        report({
          type: "notice",
          message:
            "another run of pi-image is preparing the same file; waiting for it",
        }),
    },
    action,
  );
