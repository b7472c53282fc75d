// Reads the package's profiles, fragments and files, and those that the user keeps beside the inventory.
import { join } from "node:path";
import { maskLines } from "../../inventory/masks/mask-secrets.ts";
import type { Problem } from "../../report/problem.ts";
import type { ResolvedNode } from "../../inventory/resolved.ts";
import { packageFile } from "../../system/package-files.ts";
import { unusedFiles } from "./check-unused.ts";
import { checkLibrary } from "./check-library.ts";
import type { Library } from "./library.ts";
import {
  filesIn,
  loadLayer,
  type LoadedLayer,
  type Text,
} from "./load-layer.ts";
import { parseFragment, parseNetwork } from "./parse-fragment.ts";
import { PROFILE_NAMES } from "./profile-names.ts";
import { parseProfile } from "./parse-profile.ts";

type LoadedLibrary = {
  readonly library: Library;
  /** Everything that is wrong with any file, used or not. */
  readonly problems: readonly Problem[];
  /** Of the files of the project's own, those that no node can get. */
  readonly unused: (
    nodes: readonly Pick<ResolvedNode, "host">[],
  ) => readonly Problem[];
  /** The text of every file that problems can point at, by the name they use, without secrets. */
  readonly sources: ReadonlyMap<string, string>;
};

const PROFILES = PROFILE_NAMES.map((name) => `${name}.yaml`);

const PACKAGED = ["profiles/", "cloud-init/"].map(packageFile);

const isYaml = (path: string): boolean => path.endsWith(".yaml");

/**
 * `project` is the folder of the inventory; undefined for none. A file under its `profiles/` or `cloud-init/` takes the
 * place of the package's file with the same path.
 */
export const loadLibrary = async (
  project: string | undefined,
): Promise<LoadedLibrary> => {
  const roots = [packageFile(""), ...(project === undefined ? [] : [project])];
  const load = (folder: string, wanted: (path: string) => boolean) =>
    loadLayer(
      roots.map((root) => join(root, folder)),
      wanted,
    );
  const profiles = await load("profiles", (path) => PROFILES.includes(path));
  const fragments = await load("cloud-init/fragments", isYaml);
  const networks = await load("cloud-init/network", isYaml);
  const files = await load("cloud-init/files", () => true);

  const layers = [profiles, fragments, networks, files];
  const problems = layers.flatMap((layer) => layer.problems);
  const read = <T>(
    { texts }: LoadedLayer,
    parse: (
      text: string,
      file: string,
    ) => {
      readonly value: T | undefined;
      readonly problems: readonly Problem[];
    },
  ): Map<string, T | undefined> =>
    mapValues(texts, ({ text, file }) => {
      const result = parse(text, file);
      problems.push(...result.problems);
      return result.value;
    });
  const library: Library = {
    profiles: read(profiles, parseProfile),
    fragments: read(fragments, parseFragment),
    networks: read(networks, parseNetwork),
    files: mapValues(files.texts, ({ text }) => text),
    own: new Set(
      layers.flatMap(({ texts }) =>
        [...texts.values()].flatMap((text) =>
          text === undefined || PACKAGED.some((it) => text.file.startsWith(it))
            ? []
            : [text.file],
        ),
      ),
    ),
  };
  problems.push(...checkLibrary(library));
  const own = {
    profiles: await ownPaths(project, "profiles"),
    fragments: await ownPaths(project, "cloud-init/fragments"),
    networks: await ownPaths(project, "cloud-init/network"),
  };
  const known = {
    profiles: [...PROFILES, ...(await ownPaths(packageFile(""), "profiles"))],
    networks: await ownPaths(packageFile(""), "cloud-init/network"),
  };
  return {
    library,
    problems,
    unused: (nodes) => unusedFiles(own, library, known, nodes),
    sources: new Map(
      layers.flatMap(({ texts }) =>
        [...texts.values()].flatMap((text): [string, string][] =>
          text === undefined ? [] : [[text.file, maskLines(text.text)]],
        ),
      ),
    ),
  };
};

const ownPaths = async (
  root: string | undefined,
  folder: string,
): Promise<readonly string[]> =>
  root === undefined
    ? []
    : (await filesIn(join(root, folder))).filter(isYaml).toSorted();

const mapValues = <T>(
  texts: LoadedLayer["texts"],
  change: (text: Text) => T | undefined,
): Map<string, T | undefined> =>
  new Map(
    [...texts].map(([path, text]) => [
      path,
      text === undefined ? undefined : change(text),
    ]),
  );
