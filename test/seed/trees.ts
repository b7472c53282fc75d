// Short ways to trees and problems for tests.
import type { Problem } from "../../src/report/problem.ts";
import { parseTree } from "../../src/seed/library/parse-tree.ts";
import {
  fromValue,
  type MapTree,
  type Tree,
  type Value,
} from "../../src/seed/library/tree.ts";

const nowhere = { file: "test.yaml", line: 1, column: 1, length: 1 };

export const treeOf = (value: Value): Tree => fromValue(value, nowhere);

export const mapOf = (value: Value): MapTree => {
  const tree = treeOf(value);
  if (tree.kind !== "map") {
    throw new Error("the test's value is not a map");
  }
  return tree;
};

/** The tree of a text that has no problems. */
export const parsed = (text: string, file = "test.yaml"): MapTree => {
  const { tree, problems } = parseTree(text, file);
  if (tree?.kind !== "map" || problems.length > 0) {
    throw new Error(`the test's text is wrong: ${JSON.stringify(problems)}`);
  }
  return tree;
};

/** A collector for `report` parameters. */
export const collector = () => {
  const problems: Problem[] = [];
  return {
    problems,
    report: (problem: Problem) => {
      problems.push(problem);
    },
  };
};

/** `file:line:column CODE message`, for exact comparison. */
export const summary = ({ at, code, message }: Problem): string =>
  `${at === undefined ? "-" : `${at.file}:${at.line}:${at.column}`} ${code} ${message}`;
