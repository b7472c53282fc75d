// What the lockfile records about the base images of a run, and which records of earlier runs it keeps.
import { loadCatalogue } from "../base/load-catalogue.ts";
import { shownUrl } from "../network/http-request.ts";
import type { Pins } from "../supplies/load-pins.ts";
import type { Lock, LockedBase } from "../supplies/lock.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import { basename } from "node:path";
import type { BasePin, BaseRecord } from "../base/base-request.ts";

/**
 * The name of a base in the lockfile: a catalogue's name, an address without its password, or a file's name without its
 * folder, so that it is the same on every computer.
 */
export const lockName = (base: string): string => {
  if (/^https?:/i.test(base) && URL.canParse(base)) {
    return shownUrl(new URL(base));
  }
  return basename(base);
};

/** What an earlier run took under this name; undefined where none is recorded. */
export const pinIn =
  (lock: Lock | undefined, lockFile: string) =>
  (base: string): BasePin | undefined => {
    const locked = lock?.bases.find(({ name }) => name === lockName(base));
    return locked === undefined
      ? undefined
      : { file: locked.file, sha256: locked.sha256, from: lockFile };
  };

/** @param bases by the user's name for them; a sample that only stands in for a base is left out */
export const lockBases = async (
  bases: ReadonlyMap<string, BaseRecord>,
  env: NodeJS.ProcessEnv,
): Promise<readonly LockedBase[]> => {
  const { releases } = await loadCatalogue(env);
  return [...bases].flatMap(([name, record]) =>
    record.origin === "sample" && releases.has(name)
      ? []
      : { name: lockName(name), file: record.name, sha256: record.sha256 },
  );
};

/** Names and addresses in the inventory; the lockfile's entries for any others are dropped. */
export const wantedInLock = (
  { cluster, nodes }: ResolvedProject,
  pins: Pins,
): ReadonlySet<string> =>
  new Set([
    ...nodes.map(({ base }) => lockName(base)),
    pins.manifests[cluster.cni].url,
    ...pins.storage.manifests.map(({ url }) => url),
    ...cluster.addons.map((addon) => addon.replace(/^url:/, "")),
  ]);
