// Removes from the cache what is old or beyond its limit, while no other run works on it.
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatBytes } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import { withFileLock } from "../system/file-lock.ts";
import { cacheFolder } from "../system/folders.ts";
import { parseBytes } from "../system/parse-bytes.ts";
import type { CacheOptions } from "./cache.ts";
import { type CacheEntry, loadCacheEntries } from "./cache-entries.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Entries used within this time stay, because a run may be about to open what it has just found. */
const IN_USE_MS = HOUR_MS;

/**
 * Days without use after which entries of a kind are removed: downloads are resumed within days, and a decoded image is made
 * in a minute.
 */
const KEEP_DAYS = { unfinished: 2, decoded: 7, archive: 60 } as const;

type PruneRules = {
  readonly now: Date;
  /** Bytes that may stay; undefined for no limit. */
  readonly limit: number | undefined;
  /** Whether old entries are removed even though there is room. */
  readonly old: boolean;
  /** Whether everything is removed, even what another run may be about to open. */
  readonly all: boolean;
};

/** @param entries least recently used first */
export const chooseVictims = (
  entries: readonly CacheEntry[],
  { now, limit = Number.POSITIVE_INFINITY, old, all }: PruneRules,
): readonly CacheEntry[] => {
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  return entries.filter((entry) => {
    const age = now.getTime() - entry.used.getTime();
    const goes =
      all ||
      (age > IN_USE_MS &&
        (left > limit || (old && age > KEEP_DAYS[entry.kind] * DAY_MS)));
    left -= goes ? entry.bytes : 0;
    return goes;
  });
};

const VARIABLE = "PI_IMAGE_CACHE_LIMIT";
/** Enough for three releases with their decoded images. */
const DEFAULT_LIMIT = 32 * 1024 ** 3;

/** Bytes that the cache may take. Throws WRONG_ARGUMENTS. */
export const cacheLimit = (env: NodeJS.ProcessEnv): number => {
  const text = env[VARIABLE] ?? "";
  const bytes = text === "" ? DEFAULT_LIMIT : parseBytes(text);
  if (bytes === undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${VARIABLE} is ${JSON.stringify(text)}, which is not a size`,
      { hint: "write it as in 20GiB or 64GB, or unset it" },
    );
  }
  return bytes;
};

class Held extends Error {
  override readonly name = "Held";
}

/** Removes an entry and returns whether it is gone; not while a run that prepares the entry holds its lock. */
const remove = async (
  { kind, path, sha256 }: CacheEntry,
  env: NodeJS.ProcessEnv,
): Promise<boolean> => {
  // A download is locked under its final name.
  const locked =
    kind === "unfinished"
      ? join(
          cacheFolder(env),
          "archives",
          /([0-9a-f]{64})\.partial$/.exec(path)?.[1] ?? "",
        )
      : path;
  try {
    await withFileLock(
      locked,
      async () => {
        await rm(path, { force: true });
        await rm(`${path}.${kind === "decoded" ? "sha256" : "json"}`, {
          force: true,
        });
        if (kind === "archive" && sha256 !== undefined) {
          const names = join(dirname(dirname(path)), "names");
          await rm(join(names, `${sha256}.json`), { force: true });
        }
      },
      0,
      () => new Held(),
    );
    return true;
  } catch (error) {
    if (error instanceof Held) {
      return false;
    }
    throw error;
  }
};

/** The entries that these rules would remove. */
export const findVictims = async (
  env: NodeJS.ProcessEnv,
  rules: PruneRules,
): Promise<readonly CacheEntry[]> =>
  chooseVictims(await loadCacheEntries(env), rules);

/** Removes those entries; returns what is gone. */
export const pruneCache = async (
  env: NodeJS.ProcessEnv,
  rules: PruneRules,
): Promise<readonly CacheEntry[]> => {
  const gone: CacheEntry[] = [];
  for (const entry of await findVictims(env, rules)) {
    if (await remove(entry, env)) {
      gone.push(entry);
    }
  }
  return gone;
};

/** Called after something was added to the cache: removes the least recently used entries until the limit is met. */
export const keepLimit = async ({
  env,
  report,
}: CacheOptions): Promise<void> => {
  const limit = cacheLimit(env);
  const gone = await pruneCache(env, {
    now: new Date(),
    limit,
    old: false,
    all: false,
  });
  if (gone.length > 0) {
    const bytes = gone.reduce((sum, entry) => sum + entry.bytes, 0);
    report({
      type: "notice",
      message: `removed ${gone.length} old ${gone.length === 1 ? "file" : "files"} (${formatBytes(bytes)}) from the cache to keep it below ${formatBytes(limit)} (${VARIABLE})`,
    });
  }
};
