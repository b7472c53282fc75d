// The files and folders that a run reads or keeps, and whether writing a target would change one of them.
import type { BigIntStats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type Layers, layersOf, layersOverlap } from "./look/layers.ts";
import { orAbsent } from "./or-absent.ts";

export type SourceFile = {
  readonly path: string;
  /** What it is to the run, such as "the inventory". */
  readonly what: string;
};

/** One that exists, with what it consists of. */
export type KnownSource = SourceFile & {
  readonly layers: Layers;
  readonly folder: boolean;
};

/** How writing a target would destroy a source. */
export type LostSource = SourceFile & {
  /** Whether the target is the source, lies in it, or is what the source lies on. */
  readonly relation: "is" | "lies in" | "holds";
};

/** @returns those that exist */
export const lookAtSources = async (
  sources: readonly SourceFile[],
): Promise<readonly KnownSource[]> => {
  const known: KnownSource[] = [];
  for (const source of sources) {
    const stats = await orAbsent(stat(source.path, { bigint: true }));
    const path = await orAbsent(realpath(source.path));
    // A source that is open as a descriptor may have no name any more.
    if (stats !== undefined) {
      const layers = await layersOf(stats, path);
      known.push({ ...source, layers, folder: stats.isDirectory() });
    }
  }
  return known;
};

/** The layer that stands for the thing itself. */
const topOf = (layers: Layers): string => [...layers.keys()][0] ?? "";

/** The folders above a file. */
const foldersAbove = async (path: string): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  for (
    let folder = dirname(path);
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const stats = await orAbsent(stat(folder, { bigint: true }));
    if (stats !== undefined) {
      found.add(topOf(await layersOf(stats, folder)));
    }
  }
  return found;
};

const relationOf = (
  target: Layers,
  above: ReadonlySet<string>,
  { layers, folder }: KnownSource,
): LostSource["relation"] | undefined => {
  if (folder && above.has(topOf(layers))) {
    return "lies in";
  }
  if (!layersOverlap(target, layers)) {
    return undefined;
  }
  const same =
    target.get(topOf(layers)) === "whole" ||
    layers.get(topOf(target)) === "whole";
  return same ? "is" : "holds";
};

/**
 * @param stats of the target, opened or not
 * @param path the target's, without symbolic links
 */
export const lostSource = async (
  stats: BigIntStats,
  path: string,
  sources: readonly KnownSource[],
): Promise<LostSource | undefined> => {
  const layers = await layersOf(stats, path);
  const above = stats.isFile() ? await foldersAbove(path) : new Set<string>();
  for (const source of sources) {
    const relation = relationOf(layers, above, source);
    if (relation !== undefined) {
      return { path: source.path, what: source.what, relation };
    }
  }
  return undefined;
};
