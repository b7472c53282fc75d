// Reads the add-ons that are files of the user's own, with what is wrong in them.
import { relative } from "node:path";
import { errorCode } from "../report/expected-failure.ts";
import { maskLines } from "../inventory/masks/mask-secrets.ts";
import type { Problem } from "../report/problem.ts";
import { addonPlaces } from "./addon-places.ts";
import {
  findManifestMistake,
  type Manifest,
  MANIFEST_LIMIT,
} from "./kubernetes-manifest.ts";
import { errnoReason } from "../system/errno-words.ts";
import { readAtMost } from "../system/read-whole.ts";

type FileAddons = {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly Problem[];
  /** Texts for code frames, by the names that problems use, without secrets. */
  readonly files: ReadonlyMap<string, string>;
};

const problem = (
  path: string,
  message: string,
  place?: { readonly line: number; readonly column: number },
): Problem => ({
  code: "ADDON_NO_MANIFEST",
  severity: "error",
  message: `the add-on ${path} ${message}`,
  at: place === undefined ? undefined : { file: path, length: 1, ...place },
  hint: "an add-on is a YAML file of Kubernetes objects",
});

const readText = async (
  path: string,
): Promise<{ readonly text: string } | { readonly why: string }> => {
  try {
    const bytes = await readAtMost(path, MANIFEST_LIMIT);
    return bytes.length > MANIFEST_LIMIT
      ? { why: `is larger than ${MANIFEST_LIMIT / 1024 / 1024} MiB` }
      : { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return {
      why:
        error instanceof TypeError
          ? "is not text in UTF-8"
          : `cannot be read: ${errnoReason(errorCode(error))}`,
    };
  }
};

/**
 * Never throws for what stands in the files.
 *
 * @param addons as `ResolvedCluster` has them
 * @param cwd messages show paths from here
 */
export const loadFileAddons = async (
  addons: readonly string[],
  cwd: string,
): Promise<FileAddons> => {
  const manifests: Manifest[] = [];
  const problems: Problem[] = [];
  const files = new Map<string, string>();
  for (const place of addonPlaces(addons)) {
    if (place.from !== "file") {
      continue;
    }
    const { path, file } = place;
    const shown = relative(cwd, path);
    const read = await readText(path);
    if ("why" in read) {
      problems.push(problem(shown, read.why));
      continue;
    }
    manifests.push({ name: file, text: read.text });
    const mistake = findManifestMistake(read.text);
    if (mistake !== undefined) {
      files.set(shown, maskLines(read.text));
      problems.push(problem(shown, mistake.message, mistake));
    }
  }
  return { manifests, problems, files };
};
