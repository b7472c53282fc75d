// Puts the mistakes that a schema found into words, each at its place in the file.
import type { z } from "zod";
import type { Problem } from "../../report/problem.ts";
import { descriptionAt, knownKeys } from "./schema-keys.ts";
import { valueAt, type Mistake } from "./schema-mistakes.ts";
import type { RuleFinding } from "../rules/text-rule.ts";
import { closest, listed, quoted } from "../wording.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

/** Better words for some mistakes in one kind of file; undefined keeps the ordinary words. */
export type Special = (
  mistake: Mistake,
  data: unknown,
) => RuleFinding | undefined;

const KIND_WORDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a mapping (key: value)",
  string: "text",
};

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : typeof value;

const inWords = (kind: string): string => KIND_WORDS[kind] ?? kind;

/** How messages call the value at a path. */
const nameOf = (path: Path): string => {
  const last = path.at(-1);
  if (last === undefined) {
    return "the file";
  }
  return typeof last === "number"
    ? `an entry of \`${path.at(-2) ?? "the list"}\``
    : `\`${last}\``;
};

const missing = (path: Path, schema: z.ZodType): RuleFinding => {
  // Descriptions are whole sentences, but here one becomes part of another sentence.
  const meaning = descriptionAt(schema, path)
    ?.replace(/^./, (letter) => letter.toLowerCase())
    .replace(/\.$/, "");
  return {
    code: "MISSING_KEY",
    message: `the key ${nameOf(path)} is missing`,
    label: `needs ${nameOf(path)}`,
    hint: meaning && `add ${nameOf(path)}, ${meaning}`,
  };
};

const unknown = (path: Path, schema: z.ZodType): RuleFinding => {
  const known = knownKeys(schema, path.slice(0, -1));
  const meant = closest(String(path.at(-1)), known);
  return {
    code: "UNKNOWN_KEY",
    message: `there is no key ${nameOf(path)} here`,
    label: meant === undefined ? undefined : `did you mean \`${meant}\`?`,
    hint: `the keys allowed here are ${listed(known)}`,
  };
};

const wrongType = (
  path: Path,
  expected: readonly string[],
  value: unknown,
  source: string,
): RuleFinding => {
  if (value === null) {
    return {
      code: "EMPTY_VALUE",
      message: `${nameOf(path)} has no value`,
      hint: "write a value, or remove the line",
    };
  }
  const quotable = expected.includes("string") && typeof value !== "object";
  const key = typeof path.at(-1) === "string" ? `${path.at(-1)}: ` : "";
  return {
    code: "WRONG_TYPE",
    message: `${nameOf(path)} is ${inWords(kindOf(value))}, but ${listed([...new Set(expected)].map(inWords), "or")} belongs here`,
    hint: quotable
      ? `put it in quotes: ${key}"${source}"`
      : typeof value === "string" && expected.includes("array")
        ? "write each entry on a line of its own, with a dash before it"
        : undefined,
  };
};

const wrongChoice = (
  path: Path,
  choices: readonly (string | number | boolean)[],
  value: unknown,
): RuleFinding => {
  const words = choices.map(String);
  const written =
    typeof value === "string" ? quoted(value) : JSON.stringify(value);
  const meant = typeof value === "string" ? closest(value, words) : undefined;
  return {
    code: "UNKNOWN_VALUE",
    message: `${nameOf(path)} cannot be ${typeof value === "object" ? inWords(kindOf(value)) : written}`,
    label: meant === undefined ? undefined : `did you mean ${meant}?`,
    hint:
      words.length === 1
        ? `the only choice is ${words[0]}`
        : `choose ${listed(words, "or")}`,
  };
};

const ordinary = (
  mistake: Mistake,
  schema: z.ZodType,
  value: unknown,
  source: string,
): RuleFinding => {
  switch (mistake.kind) {
    case "missing":
      return missing(mistake.path, schema);
    case "unknown":
      return unknown(mistake.path, schema);
    case "type":
      return wrongType(mistake.path, mistake.expected, value, source);
    case "choice":
      return value === null
        ? wrongType(mistake.path, [], value, source)
        : wrongChoice(mistake.path, mistake.choices, value);
    case "size":
      return {
        code: "OUT_OF_RANGE",
        message: Array.isArray(value)
          ? `${nameOf(mistake.path)} needs ${mistake.bound} ${mistake.bound.endsWith(" 1") ? "entry" : "entries"}`
          : `${nameOf(mistake.path)} must be ${mistake.bound}`,
      };
    case "finding":
      return mistake.finding;
  }
};

/** One problem for each mistake. */
export const explainMistakes = (
  mistakes: readonly Mistake[],
  schema: z.ZodType,
  file: YamlFile,
  text: string,
  special: Special,
): readonly Problem[] =>
  mistakes.map((mistake) => {
    const { kind, path } = mistake;
    const range = file.rangeOf(path);
    const source = range === undefined ? "" : text.slice(...range);
    const finding =
      special(mistake, file.data) ??
      ordinary(mistake, schema, valueAt(file.data, path), source);
    return {
      ...finding,
      severity: "error",
      at:
        kind === "missing"
          ? file.keyAt(path.slice(0, -1))
          : kind === "unknown"
            ? file.keyAt(path)
            : file.at(path),
    };
  });
