// pi-image base prune: shows and removes what the cache no longer needs.
import { cacheFolder } from "../../system/folders.ts";
import { day } from "../../report/day.ts";
import { formatBytes } from "../../report/amounts.ts";
import type { CacheEntry } from "../../network/cache-entries.ts";
import {
  cacheLimit,
  findVictims,
  pruneCache,
} from "../../network/prune-cache.ts";
import type { Context } from "../../terminal/context.ts";

type PruneArguments = {
  readonly all: boolean;
  readonly dryRun: boolean;
  /** Bytes that may stay; undefined for the cache's own limit. */
  readonly maxSize: number | undefined;
};

/** Such as "ubuntu-24.04.4-….img.xz, decoded: 3.5 GiB, last used 2026-11-20". */
export const describeEntry = ({
  kind,
  name,
  sha256,
  bytes,
  used,
}: CacheEntry): string => {
  const title = name ?? (sha256 === undefined ? "" : sha256.slice(0, 12));
  const what = { archive: "", decoded: ", decoded", unfinished: "unfinished" };
  return `${title}${what[kind]}: ${formatBytes(bytes)}, last used ${day(used)}`;
};

export const pruneBases = async (
  context: Context,
  { all, dryRun, maxSize }: PruneArguments,
): Promise<void> => {
  const { env } = context;
  const rules = {
    now: new Date(),
    limit: maxSize ?? cacheLimit(env),
    old: true,
    all,
  };
  const entries = dryRun
    ? await findVictims(env, rules)
    : await pruneCache(env, rules);
  for (const { kind, path, name, sha256, bytes, used } of entries) {
    context.printJson({
      type: "pruned",
      kind,
      path,
      name: name ?? null,
      sha256: sha256 ?? null,
      bytes,
      used: used.toISOString(),
      dryRun,
    });
  }
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const verb = dryRun ? "would remove" : "removed";
  context.print(
    [
      ...entries.map((entry) => `${verb} ${describeEntry(entry)}`),
      `${verb} ${entries.length} ${entries.length === 1 ? "file" : "files"}, ${formatBytes(total)}, from ${cacheFolder(env)}`,
    ].join("\n"),
  );
};
