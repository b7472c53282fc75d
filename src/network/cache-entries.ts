// What the cache holds: archives, decoded images and unfinished downloads, with their names, sizes and last uses.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { bytesOnDisk } from "../system/bytes-on-disk.ts";
import { listIfThere } from "../system/read-if-there.ts";
import { ifAbsent } from "../report/expected-failure.ts";
import { cacheFolder } from "../system/folders.ts";
import { demandPrivateCache } from "./cache-folder.ts";
import { loadCacheNames } from "./cache-names.ts";

export type CacheEntry = {
  readonly kind: "archive" | "decoded" | "unfinished";
  readonly path: string;
  /** The archive's digest; undefined for an unfinished download. */
  readonly sha256: string | undefined;
  /** The vendor's file name, where a run has recorded it. */
  readonly name: string | undefined;
  /** The space that it takes on the disk; holes take none. */
  readonly bytes: number;
  readonly used: Date;
};

const KINDS = [
  { kind: "archive", folder: "archives", file: /^([0-9a-f]{64})$/ },
  { kind: "decoded", folder: "raw", file: /^([0-9a-f]{64})(?:-\d+)?\.img$/ },
  {
    kind: "unfinished",
    folder: "downloads",
    file: /^()[0-9a-f]{64}\.partial$/,
  },
] as const;

const latest = (a: Date, b: Date | undefined): Date =>
  b === undefined || a > b ? a : b;

/** Least recently used first; a decoded image, which can be made again, comes before its archive. Throws CACHE_UNUSABLE. */
export const loadCacheEntries = async (
  env: NodeJS.ProcessEnv,
): Promise<readonly CacheEntry[]> => {
  await demandPrivateCache(env);
  const names = await loadCacheNames(env);
  const entries: CacheEntry[] = [];
  for (const { kind, folder, file } of KINDS) {
    const place = join(cacheFolder(env), folder);
    for (const found of await listIfThere(place)) {
      const match = file.exec(found);
      const path = join(place, found);
      // Another run may have removed the file meanwhile.
      const facts = await stat(path).catch((error: unknown) =>
        ifAbsent(error, undefined),
      );
      if (match === null || facts === undefined) {
        continue;
      }
      const sha256 = match[1] || undefined;
      const known = sha256 === undefined ? undefined : names.get(sha256);
      entries.push({
        kind,
        path,
        sha256,
        name: known?.name,
        bytes: bytesOnDisk(facts),
        used: latest(facts.mtime, known?.used),
      });
    }
  }
  const order = { unfinished: 0, decoded: 1, archive: 2 };
  return entries.toSorted(
    (a, b) =>
      a.used.getTime() - b.used.getTime() || order[a.kind] - order[b.kind],
  );
};
