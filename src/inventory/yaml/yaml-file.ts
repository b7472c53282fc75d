// Reads one YAML text with all its syntax problems and the place of every key and value.
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { Position, Problem } from "../../report/problem.ts";
import { tooDeepAt } from "./yaml-nesting.ts";
import {
  brokenAliases,
  brokenFrom,
  duplicateKeys,
  syntaxProblems,
  type Locate,
} from "./yaml-syntax.ts";

/** The way from the document to a value: keys of mappings and indexes of lists. */
export type Path = readonly (string | number)[];

export type YamlFile = {
  /** Plain values (mappings, lists, strings, numbers, booleans, null); undefined if nothing can be read. */
  readonly data: unknown;
  readonly problems: readonly Problem[];
  /** The first line with a syntax error; from there on, what was read may not be what was meant. */
  readonly brokenFrom: number | undefined;
  /** The value at a path; for a path that is not in the file, the nearest thing around it. */
  readonly at: (path: Path) => Position;
  /** The key at a path, or the first line of a list's item. */
  readonly keyAt: (path: Path) => Position;
  /**
   * The parser's own document, with what `data` leaves out, such as keys that are written twice; undefined if it was not
   * parsed.
   */
  readonly document: Document | undefined;
  /** Where the value at a path stands in the text, as offsets; the second is exclusive. */
  readonly rangeOf: (path: Path) => readonly [number, number] | undefined;
};

/** Far more than anchors for a list of users need, and far less than an alias bomb uses. */
const MAX_ALIASES = 100;

type Found = {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
  /** Whether the whole path was there. */
  readonly whole: boolean;
};

const asNode = (value: unknown): Node | undefined =>
  isNode(value) ? value : undefined;

type Pairs = ReadonlyMap<string, Pair>;

/** Remembers the pairs of a mapping: a thousand mistakes in it would otherwise search it a thousand times. */
const pairsOf = (map: YAMLMap, known: WeakMap<YAMLMap, Pairs>): Pairs => {
  const pairs =
    known.get(map) ??
    new Map(
      map.items.flatMap((pair) =>
        isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [],
      ),
    );
  known.set(map, pairs);
  return pairs;
};

const step = (
  parent: Node | undefined,
  name: string | number,
  known: WeakMap<YAMLMap, Pairs>,
): Omit<Found, "whole"> | undefined => {
  if (isMap(parent)) {
    const pair = pairsOf(parent, known).get(String(name));
    return pair && { key: asNode(pair.key), value: asNode(pair.value) };
  }
  const item =
    isSeq(parent) && typeof name === "number" ? parent.items[name] : undefined;
  return isNode(item) ? { key: undefined, value: item } : undefined;
};

/** Follows the path as far as it exists. */
const find = (
  document: Document,
  path: Path,
  known: WeakMap<YAMLMap, Pairs>,
): Found => {
  let found: Omit<Found, "whole"> = {
    key: undefined,
    value: asNode(document.contents),
  };
  for (const name of path) {
    const parent = isAlias(found.value)
      ? found.value.resolve(document)
      : found.value;
    const next = step(parent, name, known);
    if (next === undefined) {
      return { ...found, whole: false };
    }
    found = next;
  }
  return { ...found, whole: true };
};

/** Characters of the first line of a range, without trailing blanks; at least 1. */
const firstLine = (text: string, from: number, to: number): number => {
  const end = text.slice(from, to).search(/[\r\n]/);
  const line = end === -1 ? text.slice(from, to) : text.slice(from, from + end);
  return Math.max(1, line.trimEnd().length);
};

const tooDeep = (file: string, text: string, offset: number): YamlFile => {
  const line = text.slice(0, offset).split("\n").length;
  const column = offset - text.lastIndexOf("\n", offset - 1);
  const at = { file, line, column, length: 1 };
  return {
    data: undefined,
    problems: [
      {
        code: "YAML_TOO_DEEP",
        severity: "error",
        message: "this is nested too deeply for any file of pi-image",
        at,
        hint: "look for brackets or dashes that were repeated by mistake",
      },
    ],
    brokenFrom: line,
    document: undefined,
    at: () => at,
    keyAt: () => at,
    rangeOf: () => undefined,
  };
};

/** Reads `text`; positions carry `file` as its name. Never throws for what is in the text. */
export const parseYamlFile = (file: string, text: string): YamlFile => {
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    return tooDeep(file, text, deep);
  }
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    // Otherwise the library writes warnings of its own to the terminal.
    logLevel: "error",
  });
  const locate: Locate = (from, to) => {
    const { line, col } = counter.linePos(from);
    return {
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      length: firstLine(text, from, to),
    };
  };
  const place = (found: Node | undefined): Position =>
    locate(found?.range?.[0] ?? 0, found?.range?.[1] ?? text.length);

  const known = new WeakMap<YAMLMap, Pairs>();
  const aliases = brokenAliases(document, locate);
  const problems = [
    ...syntaxProblems(document, locate),
    ...duplicateKeys(document, locate),
    ...aliases,
  ];
  let data: unknown;
  if (aliases.length === 0) {
    try {
      data = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      if (!(error instanceof ReferenceError)) {
        throw error;
      }
      // The parser throws this where aliases of aliases multiply.
      problems.push({
        code: "YAML_ALIASES",
        severity: "error",
        message: "the aliases of this file expand beyond the limit",
        at: place(asNode(document.contents)),
        hint: "write repeated values out, or once under `defaults`",
      });
    }
  }

  return {
    data,
    problems,
    brokenFrom: brokenFrom(document, locate),
    document,
    at: (path) => {
      const { key, value, whole } = find(document, path, known);
      const empty = !value?.range || value.range[0] === value.range[1];
      return place(!whole || empty ? (key ?? value) : value);
    },
    keyAt: (path) => {
      const { key, value } = find(document, path, known);
      return place(key ?? value);
    },
    rangeOf: (path) => {
      const { value, whole } = find(document, path, known);
      return whole && value?.range
        ? [value.range[0], value.range[1]]
        : undefined;
    },
  };
};
