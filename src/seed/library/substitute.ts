// Fills the `${name}` places of a parsed tree with values; a value is never expanded again.
import { closest } from "../../inventory/wording.ts";
import type { Position, Problem } from "../../report/problem.ts";
import { splitPlaceholders } from "./placeholder.ts";
import {
  type TreeEntry,
  fromValue,
  type MapTree,
  isText,
  type ScalarTree,
  type TextTree,
  type Tree,
  type Value,
  withoutEmpty,
} from "./tree.ts";

export type Values = ReadonlyMap<string, Value>;

type ReportProblem = (problem: Problem) => void;

/** What becomes of an empty value: cloud-init refuses many empty lists, but in netplan an empty map can have a meaning. */
export type Empty = "kept" | "left out";

/** The value that a tree stands for as a whole; undefined for every other tree. */
const wholeValue = (tree: Tree, values: Values): Value | undefined => {
  const [only, ...others] = isText(tree) ? splitPlaceholders(tree.value) : [];
  return only !== undefined && "name" in only && others.length === 0
    ? values.get(only.name)
    : undefined;
};

const isLeftOut = (tree: Tree, values: Values, empty: Empty): boolean => {
  const value = wholeValue(tree, values);
  return (
    empty === "left out" &&
    value !== undefined &&
    withoutEmpty(value) === undefined
  );
};

/**
 * A text that is exactly one `${name}` becomes the value with its type: text, number, list or map. Within a longer text, and
 * in a key, the value stands as text. `$${` writes a literal `${`. Unknown names are reported once per place. Lists and maps
 * that the document itself leaves empty stay; `empty` says what becomes of a value that is empty, together with its key.
 */
export const substitute = (
  tree: Tree,
  values: Values,
  report: ReportProblem,
  empty: Empty = "kept",
): Tree => {
  switch (tree.kind) {
    case "scalar":
      return substituteScalar(tree, values, report, empty);
    case "list":
      return {
        ...tree,
        items: tree.items
          .filter((item) => !isLeftOut(item, values, empty))
          .map((item) => substitute(item, values, report, empty)),
      };
    case "map":
      return substituteMap(tree, values, report, empty);
  }
};

const substituteMap = (
  tree: MapTree,
  values: Values,
  report: ReportProblem,
  empty: Empty,
): MapTree => {
  const entries = new Map<string, TreeEntry>();
  for (const { key, value } of tree.entries) {
    if (isLeftOut(value, values, empty)) {
      continue;
    }
    const name = substituteText(key, values, report);
    if (entries.has(name)) {
      report({
        code: "FRAGMENT_CONFLICT",
        severity: "error",
        message: "two keys of this map become the same once filled in",
        at: key.at,
      });
    }
    entries.set(name, {
      key: { ...key, value: name, placeholders: [] },
      value: substitute(value, values, report, empty),
    });
  }
  return { ...tree, entries: [...entries.values()] };
};

const substituteScalar = (
  tree: ScalarTree,
  values: Values,
  report: ReportProblem,
  empty: Empty,
): Tree => {
  if (!isText(tree)) {
    return tree;
  }
  const whole = wholeValue(tree, values);
  if (whole !== undefined) {
    const left = empty === "kept" ? whole : withoutEmpty(whole);
    return fromValue(left ?? null, tree.at);
  }
  const value = substituteText(tree, values, report);
  return { ...tree, value, placeholders: [] };
};

/** A text with its places filled; a problem points at its place. */
export const substituteText = (
  tree: TextTree,
  values: Values,
  report: ReportProblem,
): string =>
  splitPlaceholders(tree.value)
    .map((part) => {
      if ("text" in part) {
        return part.text;
      }
      const value = values.get(part.name);
      const at =
        tree.placeholders.find(({ name }) => name === part.name)?.at ?? tree.at;
      if (value === undefined) {
        report(unknownValue(part.name, values, at));
        return "";
      }
      if (value !== null && typeof value === "object") {
        report({
          code: "VALUE_KIND",
          severity: "error",
          message: `\${${part.name}} is a ${Array.isArray(value) ? "list" : "map"} and cannot be used inside a text`,
          at,
          hint: "use it alone, as the whole value of a key",
        });
        return "";
      }
      return String(value);
    })
    .join("");

const unknownValue = (name: string, values: Values, at: Position): Problem => {
  const near = closest(name, [...values.keys()]);
  return {
    code: "VALUE_UNKNOWN",
    severity: "error",
    message: `there is no value named \${${name}} for this node`,
    at,
    hint:
      near === undefined
        ? "to write it literally, double the dollar sign: $${"
        : `did you mean \${${near}}?`,
  };
};
