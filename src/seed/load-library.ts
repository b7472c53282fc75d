// Reads the package's profiles, fragments and files, and those that the user keeps beside the inventory.
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { ROLES } from "../inventory/resolved.ts";
import type { Problem } from "../report/problem.ts";
import { packageFile } from "../system/package-files.ts";
import { checkLibrary } from "./check-library.ts";
import type { Library, Profile } from "./library.ts";
import { parseFragment, parseNetwork } from "./parse-fragment.ts";
import { parseProfile } from "./parse-profile.ts";
import type { MapTree } from "./tree.ts";

type LoadedLibrary = {
  readonly library: Library;
  /** Everything that is wrong in any file, used or not. */
  readonly problems: readonly Problem[];
  /** The text of every file that problems can point at, by the name they use. */
  readonly sources: ReadonlyMap<string, string>;
};

type Wanted = (path: string) => boolean;

const isYaml: Wanted = (path) => path.endsWith(".yaml");

/** A file's text and the name that problems show. */
type Text = { readonly file: string; readonly text: string };

/**
 * `project` is the folder of the inventory; undefined for none. A file under its `profiles/` or `cloud-init/` takes the
 * place of the package's file with the same path.
 */
export const loadLibrary = async (
  project: string | undefined,
): Promise<LoadedLibrary> => {
  const roots = [packageFile(""), ...(project === undefined ? [] : [project])];
  const read = (folder: string, wanted: Wanted) =>
    readLayers(
      roots.map((root) => join(root, folder)),
      wanted,
    );
  const roles = ROLES.map((role) => `${role}.yaml`);
  const texts = {
    profiles: await read("profiles", (path) => roles.includes(path)),
    fragments: await read("cloud-init/fragments", isYaml),
    networks: await read("cloud-init/network", isYaml),
    files: await read("cloud-init/files", () => true),
  };
  const problems: Problem[] = [];
  const parseAll = <T>(
    layer: ReadonlyMap<string, Text>,
    parse: (text: Text) => T | undefined,
  ): Map<string, T | undefined> =>
    new Map([...layer].map(([path, text]) => [path, parse(text)]));
  const keep = (result: {
    readonly tree: MapTree | undefined;
    readonly problems: readonly Problem[];
  }): MapTree | undefined => {
    problems.push(...result.problems);
    return result.tree;
  };
  const library: Library = {
    profiles: parseAll<Profile>(texts.profiles, ({ text, file }) => {
      const result = parseProfile(text, file);
      problems.push(...result.problems);
      return result.profile;
    }),
    fragments: parseAll(texts.fragments, ({ text, file }) =>
      keep(parseFragment(text, file)),
    ),
    networks: parseAll(texts.networks, ({ text, file }) =>
      keep(parseNetwork(text, file)),
    ),
    files: new Map([...texts.files].map(([path, { text }]) => [path, text])),
  };
  problems.push(...checkLibrary(library));
  const yaml = [texts.profiles, texts.fragments, texts.networks];
  return {
    library,
    problems,
    sources: new Map(
      yaml.flatMap((layer) =>
        [...layer.values()].map(({ file, text }) => [file, text] as const),
      ),
    ),
  };
};

/** Files of the folders by their path inside; a later folder's file takes the place of an earlier one's. */
const readLayers = async (
  folders: readonly string[],
  wanted: Wanted,
): Promise<ReadonlyMap<string, Text>> => {
  const texts = new Map<string, Text>();
  for (const folder of folders) {
    for (const path of await filesIn(folder)) {
      if (wanted(path)) {
        const file = join(folder, path);
        texts.set(path, { file, text: await readFile(file, "utf8") });
      }
    }
  }
  return new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** Paths with `/`, relative to the folder; nothing for a folder that is not there. */
const filesIn = async (folder: string): Promise<string[]> => {
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
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw error;
  }
};
