// Decides which entries of the cache go; computes only.
import type { CacheEntry } from "./cache-entries.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** A run may be about to open what it has just found. */
const IN_USE_MS = HOUR_MS;

/** Days without a use after which a kind is of no more use: a download goes on within days, a decoded image is made in a minute. */
const KEEP_DAYS = { unfinished: 2, decoded: 7, archive: 60 } as const;

export type PruneRules = {
  readonly now: Date;
  /** Bytes that may stay; undefined for no limit. */
  readonly limit: number | undefined;
  /** Whether old entries go although there is room. */
  readonly old: boolean;
  /** Everything goes, whoever may use it. */
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
