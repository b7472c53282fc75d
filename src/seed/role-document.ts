// The part of a role's profile that needs no value of a particular node.
import { checkWrittenFiles } from "./library/check-written-files.ts";
import type { Problem } from "../report/problem.ts";
import { missingFragment } from "./library/check-library.ts";
import type { Library } from "./library/library.ts";
import { mergeFragments } from "./library/merge-fragments.ts";
import { isOfNode } from "./role-values.ts";
import {
  substitute,
  substituteText,
  type Values,
} from "./library/substitute.ts";
import {
  type MapTree,
  scalarsIn,
  type TextTree,
  type Tree,
} from "./library/tree.ts";

export type RoleDocument = {
  /** Undefined if a fragment is missing or has problems. */
  readonly document: MapTree | undefined;
  /** Paths of the fragments that are left out, as the profile has them. */
  readonly leftOut: readonly string[];
};

/** The names of all `${name}` places in a tree. */
const namesIn = (tree: Tree): readonly string[] =>
  scalarsIn(tree).flatMap(({ placeholders }) =>
    placeholders.map(({ name }) => name),
  );

const isMap = (tree: Tree): tree is MapTree => tree.kind === "map";

/** Problems that loadLibrary reports are not reported again. */
export const roleDocument = (
  library: Library,
  role: string,
  values: Values,
  report: (problem: Problem) => void,
): RoleDocument => {
  const asksForNode = (tree: Tree): boolean =>
    namesIn(tree).some((name) => isOfNode(name, values));
  const leftOut: string[] = [];
  const taken: (MapTree | undefined)[] = [];
  const take = (path: TextTree): void => {
    if (asksForNode(path)) {
      leftOut.push(path.value);
      return;
    }
    const filled = substituteText(path, values, report);
    const fragment = library.fragments.get(filled);
    if (fragment !== undefined && asksForNode(fragment)) {
      leftOut.push(path.value);
      return;
    }
    if (path.placeholders.length > 0 && !library.fragments.has(filled)) {
      report(missingFragment(path, filled, library.fragments.keys()));
    }
    taken.push(fragment);
  };
  library.profiles.get(`${role}.yaml`)?.fragments.forEach(take);
  const fragments = taken
    .filter((fragment) => fragment !== undefined)
    .map((fragment) => substitute(fragment, values, report, "left out"))
    .filter(isMap);
  const document = mergeFragments(fragments, report);
  if (document !== undefined) {
    checkWrittenFiles(document, report);
  }
  return {
    document: fragments.length === taken.length ? document : undefined,
    leftOut,
  };
};
