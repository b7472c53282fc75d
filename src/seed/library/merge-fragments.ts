// Merges filled fragments into one document.
import type { Position, Problem } from "../../report/problem.ts";
import type { TreeEntry, ListTree, MapTree, Tree } from "./tree.ts";

/**
 * Maps merge key by key, lists append in the fragments' order, equal scalars stay. Two fragments that set the same scalar
 * differently, or the same key to different kinds of value, are a problem that names both places; the first wins. Undefined
 * only where there are no fragments at all.
 */
export const mergeFragments = (
  trees: readonly MapTree[],
  report: (problem: Problem) => void,
): MapTree | undefined =>
  trees.length === 0
    ? undefined
    : trees.reduce((merged, tree) => mergeMaps(merged, tree, [], report));

const mergeMaps = (
  first: MapTree,
  second: MapTree,
  path: readonly string[],
  report: (problem: Problem) => void,
): MapTree => {
  const entries = new Map<string, TreeEntry>(
    first.entries.map((entry) => [entry.key.value, entry]),
  );
  for (const entry of second.entries) {
    const name = entry.key.value;
    const known = entries.get(name);
    entries.set(
      name,
      known === undefined
        ? entry
        : {
            key: known.key,
            value: mergeTrees(
              known.value,
              entry.value,
              [...path, name],
              report,
            ),
          },
    );
  }
  return { ...first, entries: [...entries.values()] };
};

const mergeTrees = (
  first: Tree,
  second: Tree,
  path: readonly string[],
  report: (problem: Problem) => void,
): Tree => {
  if (first.kind === "map" && second.kind === "map") {
    return mergeMaps(first, second, path, report);
  }
  if (first.kind === "list" && second.kind === "list") {
    return append(first, second);
  }
  const equal =
    first.kind === "scalar" &&
    second.kind === "scalar" &&
    first.value === second.value;
  if (!equal) {
    report(conflict(first, second, path));
  }
  return first;
};

const append = (first: ListTree, second: ListTree): ListTree => ({
  ...first,
  items: [...first.items, ...second.items],
});

/** Names the places, never the values: one of them may be a secret. */
const conflict = (
  first: Tree,
  second: Tree,
  path: readonly string[],
): Problem => ({
  code: "FRAGMENT_CONFLICT",
  severity: "error",
  message:
    first.kind === second.kind
      ? `${path.join(".")} is set to two different values`
      : `${path.join(".")} is a ${second.kind} here and a ${first.kind} in another fragment`,
  at: second.at,
  label: `also set in ${placeOf(first.at)}`,
  hint: "remove one of the two, or override the fragment by a file with its path beside the inventory",
});

const placeOf = (at: Position): string => `${at.file}, line ${at.line}`;
