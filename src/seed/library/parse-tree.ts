// Reads one YAML text into a tree, and reports everything that is wrong with it.
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar as YamlScalar,
} from "yaml";
import { parseYamlFile } from "../../inventory/yaml/yaml-file.ts";
import type { Position, Problem } from "../../report/problem.ts";
import { splitPlaceholders } from "./placeholder.ts";
import type {
  TreeEntry,
  Placeholder,
  Scalar,
  ScalarTree,
  Tree,
} from "./tree.ts";

type Parsed = {
  /** Undefined for an empty document and for one with problems. */
  readonly tree: Tree | undefined;
  readonly problems: readonly Problem[];
};

/** What the conversion of one document's nodes needs. */
type TreeContext = {
  readonly text: string;
  readonly positionOf: (start: number, end: number) => Position;
  /** Reports a node that the tree cannot hold; returns what replaces it. */
  readonly refuse: (node: Node, message: string) => ScalarTree;
};

/**
 * `file` is the name that problems show. The text is read as YAML 1.1, because that is what cloud-init's PyYAML
 * and netplan's libyaml read: `yes` is true there and `0644` is octal.
 */
export const parseTree = (text: string, file: string): Parsed => {
  // The reader of the inventory is used first: it finds broken syntax, duplicate keys and nesting that the parser would not
  // survive.
  const syntax = parseYamlFile(file, text);
  if (syntax.problems.length > 0) {
    return { tree: undefined, problems: syntax.problems };
  }
  const lines = new LineCounter();
  const document = parseDocument<Node>(text, {
    lineCounter: lines,
    version: "1.1",
    uniqueKeys: false,
  });
  if (document.contents === null) {
    return { tree: undefined, problems: [] };
  }
  const problems: Problem[] = [];
  const positionOf = (start: number, end: number): Position => {
    const { line, col } = lines.linePos(start);
    // A code frame underlines only one line, however far the node extends.
    const newline = text.indexOf("\n", start);
    const stop = newline === -1 ? end : Math.min(end, newline);
    return { file, line, column: col, length: Math.max(1, stop - start) };
  };
  const refuse = (node: Node, message: string): ScalarTree => {
    const at = positionOf(...extentOf(node));
    problems.push({ code: "FRAGMENT_SHAPE", severity: "error", message, at });
    return { kind: "scalar", value: null, placeholders: [], at };
  };
  const tree = treeOf(document.contents, { text, positionOf, refuse });
  return { tree: problems.length > 0 ? undefined : tree, problems };
};

const treeOf = (node: Node, context: TreeContext): Tree => {
  const at = context.positionOf(...extentOf(node));
  if (isScalar(node)) {
    return scalarOf(node, context);
  }
  if (isSeq<Node>(node)) {
    const items = node.items.map((item) => treeOf(item, context));
    return { kind: "list", items, at };
  }
  if (isMap<Node, Node | null>(node)) {
    const entries = node.items.map((pair) => entryOf(pair, context));
    return { kind: "map", entries, at };
  }
  return context.refuse(node, "anchors and aliases are not supported here");
};

const entryOf = (
  { key, value }: Pair<Node, Node | null>,
  context: TreeContext,
): TreeEntry => {
  const name = keyOf(key, context);
  return {
    // Keys of cloud-config and netplan are texts, so 1 and "1" are the same key.
    key: { ...name, value: isScalar(key) ? textOf(key, name.value) : "" },
    value:
      value === null
        ? { kind: "scalar", value: null, placeholders: [], at: name.at }
        : treeOf(value, context),
  };
};

const keyOf = (key: Node, context: TreeContext): ScalarTree => {
  if (!isScalar(key)) {
    return context.refuse(key, "a key must be a plain name");
  }
  return key.source === "<<"
    ? context.refuse(key, "the merge key `<<` is not supported here")
    : scalarOf(key, context);
};

const scalarOf = (node: YamlScalar, context: TreeContext): ScalarTree => {
  const value = scalarValue(node);
  if (value === undefined) {
    return context.refuse(
      node,
      "a value must be a text, a number, true, false or null",
    );
  }
  return {
    kind: "scalar",
    value,
    placeholders: typeof value === "string" ? placesIn(node, context) : [],
    at: context.positionOf(...extentOf(node)),
  };
};

const placesIn = (node: Node, context: TreeContext): Placeholder[] => {
  const [start, end] = extentOf(node);
  return splitPlaceholders(context.text.slice(start, end)).flatMap((part) =>
    "name" in part
      ? [
          {
            name: part.name,
            at: context.positionOf(
              start + part.offset,
              start + part.offset + part.name.length + "${}".length,
            ),
          },
        ]
      : [],
  );
};

/**
 * YAML 1.1 has more types than cloud-config can hold; a date is taken as the text that was written. According to YAML 1.1 a
 * lone `y` or `n` is true or false, but PyYAML reads it as text.
 */
const scalarValue = (node: YamlScalar): Scalar | undefined => {
  const { value, source = "" } = node;
  if (
    value instanceof Date ||
    (typeof value === "boolean" && /^[yn]$/i.test(source))
  ) {
    return source;
  }
  return value === null ||
    typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "boolean"
    ? value
    : undefined;
};

const textOf = (node: YamlScalar, value: Scalar): string =>
  typeof value === "string" ? value : (node.source ?? String(value));

/** Offsets of a node's first character and of the end of its value. */
const extentOf = (node: Node): [number, number] => [
  node.range?.[0] ?? 0,
  node.range?.[1] ?? 1,
];
