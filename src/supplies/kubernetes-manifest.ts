// A Kubernetes manifest as text, and what keeps `kubectl apply` from reading one.
import { isMap, isScalar } from "yaml";
import { parseBoundedYaml } from "../inventory/yaml/bounded-yaml.ts";

export type Manifest = {
  /** File name on the node; manifests are applied in the order of their names. */
  readonly name: string;
  readonly text: string;
};

/**
 * In bytes. The largest sets of custom resource definitions take a quarter of this. There is a limit because manifests are
 * part of the user-data.
 */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

type ManifestMistake = {
  /** Follows "the manifest" in messages. */
  readonly message: string;
  /** The line, counted from 1. */
  readonly line: number;
  readonly column: number;
};

/** The first thing that is wrong, or undefined for documents that each have an apiVersion and a kind. */
export const findManifestMistake = (
  text: string,
): ManifestMistake | undefined => {
  const parsed = parseBoundedYaml(text);
  if ("mistake" in parsed) {
    const { message, ...place } = parsed.mistake;
    return { message: `is not YAML: ${message}`, ...place };
  }
  let objects = 0;
  for (const { contents } of parsed.documents) {
    // Mere comments between two separators make an empty document, which is fine.
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      continue;
    }
    for (const key of ["apiVersion", "kind"]) {
      const value = isMap(contents) ? contents.get(key) : undefined;
      if (typeof value !== "string" || value === "") {
        return {
          message: `has a document without ${key}, so it is not a Kubernetes object`,
          ...parsed.placeOf(contents.range[0]),
        };
      }
    }
    objects += 1;
  }
  return objects === 0
    ? { message: "holds no object", line: 1, column: 1 }
    : undefined;
};
