// A YAML document as a tree in which every part knows its position in the file.
import type { Position } from "../../report/problem.ts";

export type Scalar = string | number | boolean | null;

/** A `${name}` in a text, and where its `$` stands. */
export type Placeholder = { readonly name: string; readonly at: Position };

export type ScalarTree = {
  readonly kind: "scalar";
  readonly value: Scalar;
  readonly placeholders: readonly Placeholder[];
  readonly at: Position;
};

export type TextTree = ScalarTree & { readonly value: string };

export type TreeEntry = {
  readonly key: TextTree;
  readonly value: Tree;
};

export type ListTree = {
  readonly kind: "list";
  readonly items: readonly Tree[];
  readonly at: Position;
};

/** Keys are unique; their order is that of the document. */
export type MapTree = {
  readonly kind: "map";
  readonly entries: readonly TreeEntry[];
  readonly at: Position;
};

export type Tree = ScalarTree | ListTree | MapTree;

/** What a `${name}` can stand for; also a tree without its positions. */
export type Value =
  Scalar | readonly Value[] | { readonly [key: string]: Value };

export const toValue = (tree: Tree): Value => {
  switch (tree.kind) {
    case "scalar":
      return tree.value;
    case "list":
      return tree.items.map(toValue);
    case "map":
      // fromEntries makes ordinary properties even of names such as "__proto__"; an assignment would not.
      return Object.fromEntries(
        tree.entries.map(({ key, value }) => [key.value, toValue(value)]),
      );
  }
};

/**
 * Removes empty lists and maps at any depth; undefined where nothing is left. cloud-init's schema refuses most of them, and
 * they ask for nothing anyway.
 */
export const withoutEmpty = (value: Value): Value | undefined => {
  if (value === null || typeof value !== "object") {
    return value;
  }
  if (isList(value)) {
    const items = value.map(withoutEmpty).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const entries = Object.entries(value).flatMap(
    ([key, item]): [string, Value][] => {
      const left = withoutEmpty(item);
      return left === undefined ? [] : [[key, left]];
    },
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
};

/** Makes a tree of a value, with one position for all of it. */
export const fromValue = (value: Value, at: Position): Tree => {
  if (value === null || typeof value !== "object") {
    return { kind: "scalar", value, placeholders: [], at };
  }
  if (isList(value)) {
    return {
      kind: "list",
      items: value.map((item) => fromValue(item, at)),
      at,
    };
  }
  return {
    kind: "map",
    entries: Object.entries(value).map(([key, item]) => ({
      key: { kind: "scalar", value: key, placeholders: [], at },
      value: fromValue(item, at),
    })),
    at,
  };
};

// Array.isArray does not narrow a readonly array.
const isList = (value: Value): value is readonly Value[] =>
  Array.isArray(value);

/** Every scalar in the tree, keys among them, in the order of the document. */
export const scalarsIn = (tree: Tree): readonly ScalarTree[] => {
  switch (tree.kind) {
    case "scalar":
      return [tree];
    case "list":
      return tree.items.flatMap(scalarsIn);
    case "map":
      return tree.entries.flatMap(({ key, value }) => [
        key,
        ...scalarsIn(value),
      ]);
  }
};

/** The value of a map's key. */
export const childOf = (
  tree: Tree | undefined,
  key: string,
): Tree | undefined =>
  tree?.kind === "map"
    ? tree.entries.find((entry) => entry.key.value === key)?.value
    : undefined;

export const isText = (tree: Tree | undefined): tree is TextTree =>
  tree?.kind === "scalar" && typeof tree.value === "string";
