// Finds files of the node that two fragments write.
import type { Problem } from "../../report/problem.ts";
import { childOf, isText, type MapTree, type TextTree } from "./tree.ts";

/** cloud-init would let the last one win without a word; `append: true` says that both are wanted. */
export const checkWrittenFiles = (
  document: MapTree,
  report: (problem: Problem) => void,
): void => {
  const list = childOf(document, "write_files");
  const written = new Map<string, TextTree>();
  for (const item of list?.kind === "list" ? list.items : []) {
    const path = childOf(item, "path");
    const append = childOf(item, "append");
    if (!isText(path) || (append?.kind === "scalar" && append.value === true)) {
      continue;
    }
    const first = written.get(path.value);
    if (first === undefined) {
      written.set(path.value, path);
    } else {
      report({
        code: "SEED_FILE_TWICE",
        severity: "error",
        message: `${path.value} is written twice`,
        at: path.at,
        label: `also written in ${first.at.file}, line ${first.at.line}`,
        hint: "remove one of the two, or add `append: true` to the one that follows",
      });
    }
  }
};
