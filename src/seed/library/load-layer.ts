// Reads one folder of the library: the package's files, some of them replaced by the user's files with the same paths.
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { isMissing, unusableFile } from "../../system/read-if-there.ts";
import { loadText } from "../../inventory/load/load-text.ts";
import type { Problem } from "../../report/problem.ts";

/** A file's text and the name that problems show. */
export type Text = { readonly file: string; readonly text: string };

export type LoadedLayer = {
  /** By path inside the folder, in the order of the paths; undefined for a file that cannot be read. */
  readonly texts: ReadonlyMap<string, Text | undefined>;
  readonly problems: readonly Problem[];
};

/** In bytes; a manifest of a megabyte is too large for a fragment and belongs in `addons`. */
const LIMIT = 1024 * 1024;

/** A later folder's file takes the place of an earlier one's; folders need not exist. */
export const loadLayer = async (
  folders: readonly string[],
  wanted: (path: string) => boolean,
): Promise<LoadedLayer> => {
  const texts = new Map<string, Text | undefined>();
  const problems: Problem[] = [];
  for (const folder of folders) {
    for (const path of (await filesIn(folder)).filter(wanted)) {
      const file = join(folder, path);
      const loaded = await loadText(file, LIMIT);
      if (loaded.text === undefined) {
        problems.push({
          code: loaded.code,
          severity: "error",
          message: `${file} cannot be used: ${loaded.reason}`,
        });
      }
      texts.set(
        path,
        loaded.text === undefined ? undefined : { file, text: loaded.text },
      );
    }
  }
  return {
    texts: new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1))),
    problems,
  };
};

/** Paths with `/`, relative to the folder, which need not exist; hidden files belong to editors and version control. */
export const filesIn = async (folder: string): Promise<string[]> => {
  try {
    const entries = await readdir(folder, {
      recursive: true,
      withFileTypes: true,
    });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .map((path) => path.split(sep).join("/"))
      .filter((path) => !path.split("/").some((part) => part.startsWith(".")));
  } catch (error) {
    if (await isMissing(folder, error)) {
      return [];
    }
    throw unusableFile(folder, error);
  }
};
