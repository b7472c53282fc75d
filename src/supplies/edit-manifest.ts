// Changes single objects of a manifest; every other byte of it stays as its authors wrote it.
import { type Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { parseBoundedYaml } from "../inventory/yaml/bounded-yaml.ts";
import { UserError } from "../report/user-error.ts";

export type ManifestEdit = {
  readonly kind: string;
  readonly name: string;
  /** Throws `placeMissing` where the object has another shape than expected. */
  readonly edit: (object: Document) => void;
};

/** The message is what is missing, such as "the container kube-flannel"; the caller adds where. */
export class PlaceMissing extends Error {
  override readonly name = "PlaceMissing";
}

const applyEdits = (text: string, edits: readonly ManifestEdit[]): string => {
  const parsed = parseBoundedYaml(text);
  if ("mistake" in parsed) {
    throw new PlaceMissing(`YAML on line ${parsed.mistake.line}`);
  }
  const waiting = new Set(edits);
  let result = "";
  let end = 0;
  for (const document of parsed.documents) {
    const edit = edits.find(
      ({ kind, name }) =>
        document.get("kind") === kind &&
        document.getIn(["metadata", "name"]) === name,
    );
    if (edit === undefined) {
      continue;
    }
    edit.edit(document);
    waiting.delete(edit);
    const [from, , to] = document.range;
    result += text.slice(end, from) + document.toString({ lineWidth: 0 });
    end = to;
  }
  const [missing] = waiting;
  if (missing !== undefined) {
    throw new PlaceMissing(`the ${missing.kind} ${missing.name}`);
  }
  return result + text.slice(end);
};

/**
 * The manifest with its edits made. Throws MANIFEST_WRONG where a place to edit is missing: a manifest whose pod subnet
 * cannot be set must not reach a cluster.
 *
 * @param from what messages call the manifest
 */
export const editManifest = (
  text: string,
  from: string,
  edits: readonly ManifestEdit[],
): string => {
  try {
    return applyEdits(text, edits);
  } catch (error) {
    if (!(error instanceof PlaceMissing)) {
      throw error;
    }
    throw new UserError(
      "MANIFEST_WRONG",
      `the manifest of ${from} has no place for the cluster's settings: ${error.message} is missing`,
      {
        state: "nothing was written",
        hint: "its authors have changed it; install a newer pi-image, or choose another cni",
        cause: error,
      },
    );
  }
};

const CONTAINERS = ["spec", "template", "spec", "containers"];

/** The container of a pod template. Throws PlaceMissing. */
export const containerNamed = (object: Document, name: string): YAMLMap => {
  const containers = object.getIn(CONTAINERS);
  const found = isSeq(containers)
    ? containers.items.find((item) => isMap(item) && item.get("name") === name)
    : undefined;
  if (!isMap(found)) {
    throw new PlaceMissing(`the container ${name}`);
  }
  return found;
};

/** A list in a container, such as its args. Throws PlaceMissing. */
export const listIn = (container: YAMLMap, key: string): YAMLSeq => {
  const list = container.get(key);
  if (!isSeq(list)) {
    throw new PlaceMissing(
      `the list ${key} of the container ${String(container.get("name"))}`,
    );
  }
  return list;
};

/** The value of a container's environment variable, or where it comes from. */
type Variable =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly valueFrom: object };

/** Replaces the variable of this name, or adds it as the last one. */
export const setVariable = (
  object: Document,
  list: YAMLSeq,
  variable: Variable,
): void => {
  const node = object.createNode(variable);
  const index = list.items.findIndex(
    (item) => isMap(item) && item.get("name") === variable.name,
  );
  if (index === -1) {
    list.items.push(node);
  } else {
    list.items[index] = node;
  }
};
