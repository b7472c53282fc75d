// What is wrong with a YAML document before anyone asks what it means.
import { isScalar, visit, type Document } from "yaml";
import type { Position, Problem } from "../../report/problem.ts";
import { quoted } from "../wording.ts";

/** The place of a range of offsets, cut to its first line. */
export type Locate = (from: number, to: number) => Position;

const HINTS: Readonly<Record<string, string>> = {
  BAD_INDENT:
    "close the brackets, and give all keys of one mapping the same indentation",
  MISSING_CHAR: "close the quote or bracket, or add the missing comma",
  MULTIPLE_DOCS: "keep one document: remove the `---` and what follows it",
  NON_STRING_KEY: "write a plain word before the colon",
  TAB_AS_INDENT: "indent with spaces",
  TAG_RESOLVE_FAILED: "remove the tag; strings, numbers and lists need none",
};

const MESSAGES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "the file holds more than one YAML document",
  NON_STRING_KEY: "a key is a list or a mapping",
  TAB_AS_INDENT: "a tab stands in the indentation",
};

export const syntaxProblems = (
  document: Document,
  locate: Locate,
): readonly Problem[] =>
  [...document.errors, ...document.warnings].map((error) => ({
    code: "YAML_SYNTAX",
    severity: "error",
    message: MESSAGES[error.code] ?? `this is not valid YAML: ${error.message}`,
    at: locate(error.pos[0], error.pos[1]),
    hint: HINTS[error.code],
  }));

/** The line from which on the tree may not be what was meant; undefined if all of it can be trusted. */
export const brokenFrom = (
  document: Document,
  locate: Locate,
): number | undefined => {
  const lines = document.errors
    .filter(({ code }) => code !== "MULTIPLE_DOCS")
    .map(({ pos }) => locate(pos[0], pos[1]).line);
  return lines.length === 0 ? undefined : Math.min(...lines);
};

// The parser's own check compares every key with every other; this one stays linear in a hostile file.
export const duplicateKeys = (
  document: Document,
  locate: Locate,
): readonly Problem[] => {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Map<string, Position>();
      for (const { key } of map.items) {
        if (!isScalar(key) || !key.range) {
          continue;
        }
        const name = String(key.value);
        const at = locate(key.range[0], key.range[1]);
        const first = seen.get(name);
        if (first === undefined) {
          seen.set(name, at);
        } else {
          problems.push({
            code: "DUPLICATE_KEY",
            severity: "error",
            message: `the key ${quoted(name)} is written twice`,
            at,
            label: `first written on line ${first.line}`,
            hint: "keep one of the two",
          });
        }
      }
    },
  });
  return problems;
};

/** Aliases without an anchor above them. */
export const brokenAliases = (
  document: Document,
  locate: Locate,
): readonly Problem[] => {
  const problems: Problem[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Value(_, node) {
      if (node.anchor !== undefined) {
        anchors.add(node.anchor);
      }
    },
    Alias(_, alias) {
      if (!anchors.has(alias.source)) {
        problems.push({
          code: "YAML_ALIASES",
          severity: "error",
          message: `the alias *${alias.source} has no anchor`,
          at: locate(alias.range?.[0] ?? 0, alias.range?.[1] ?? 0),
          hint: `write &${alias.source} before the value that it stands for, above this line`,
        });
      }
    },
  });
  return problems;
};
