// What a document of the seed asks for and a system without cloud-init cannot do, with its place in the user's file.
import type { z } from "zod";
import type { Position } from "../report/problem.ts";
import { childOf, type Tree } from "./library/tree.ts";

export type Unsupported = {
  /** From the top of the document. */
  readonly path: readonly (string | number)[];
  /** What is wrong with its value; undefined where the key itself is not known. */
  readonly why?: string | undefined;
};

/** @param above where the checked part stands in its document */
export const unsupportedIn = (
  error: z.ZodError,
  above: readonly string[],
): readonly Unsupported[] =>
  error.issues.flatMap((issue): Unsupported[] => {
    const path = [...above, ...issue.path.map(step)];
    return issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: [...path, key] }))
      : [{ path, why: issue.message.replace(/^Invalid input: /, "") }];
  });

const step = (key: PropertyKey): string | number =>
  typeof key === "symbol" ? String(key) : key;

/** Where the key is written, or as near to it as the document goes. */
export const placeOfPath = (
  tree: Tree,
  path: Unsupported["path"],
): Position => {
  const [first, ...rest] = path;
  if (tree.kind === "map") {
    const entry = tree.entries.find(({ key }) => key.value === first);
    return entry === undefined
      ? tree.at
      : rest.length === 0
        ? entry.key.at
        : placeOfPath(childOf(tree, entry.key.value) ?? tree, rest);
  }
  const item = tree.kind === "list" ? tree.items[Number(first)] : undefined;
  return item === undefined ? tree.at : placeOfPath(item, rest);
};
