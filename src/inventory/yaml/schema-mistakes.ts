// Turns what a schema refuses into plain mistakes, one for each place in the file.
import type { z } from "zod";
import type { RuleFinding } from "../rules/text-rule.ts";
import type { Path } from "./yaml-file.ts";

type Choice = string | number | boolean;

export type Mistake = { readonly path: Path } & (
  | { readonly kind: "missing" }
  | { readonly kind: "unknown" }
  | { readonly kind: "type"; readonly expected: readonly string[] }
  | { readonly kind: "choice"; readonly choices: readonly Choice[] }
  | { readonly kind: "size"; readonly bound: string }
  | { readonly kind: "finding"; readonly finding: RuleFinding }
);

type Issue = z.core.$ZodIssue;

const pathOf = (path: readonly PropertyKey[]): Path =>
  path.map((step) => (typeof step === "number" ? step : String(step)));

/** The value at a path; undefined where there is none. */
export const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    data,
  );

/** In a union, only the branch for the value's type is reported; if no branch fits, all of them are. */
const unionMistakes = (
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: Path,
  data: unknown,
): readonly Mistake[] => {
  const branches = issue.errors.map((issues) =>
    issues.flatMap((inner) =>
      mistakesOf({ ...inner, path: [...path, ...inner.path] }, data),
    ),
  );
  const isWhole = (mistake: Mistake) =>
    mistake.path.length === path.length &&
    (mistake.kind === "type" || mistake.kind === "choice");
  const fitting = branches.find((mistakes) => !mistakes.some(isWhole));
  if (fitting !== undefined) {
    return fitting;
  }
  const all = branches.flat();
  const choices = all.flatMap((mistake) =>
    mistake.kind === "choice" ? mistake.choices : [],
  );
  return typeof valueAt(data, path) === "string" && choices.length > 0
    ? [{ kind: "choice", path, choices }]
    : [
        {
          kind: "type",
          path,
          expected: all.flatMap((mistake) =>
            mistake.kind === "type"
              ? mistake.expected
              : mistake.kind === "choice"
                ? mistake.choices.map(String)
                : [],
          ),
        },
      ];
};

const mistakesOf = (issue: Issue, data: unknown): readonly Mistake[] => {
  const path = pathOf(issue.path);
  const missing = valueAt(data, path) === undefined;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        kind: "unknown",
        path: [...path, key],
      }));
    case "invalid_type":
      return [
        missing
          ? { kind: "missing", path }
          : { kind: "type", path, expected: [issue.expected] },
      ];
    case "invalid_value":
      return [
        missing
          ? { kind: "missing", path }
          : {
              kind: "choice",
              path,
              choices: issue.values.filter(
                (value): value is Choice =>
                  typeof value === "string" ||
                  typeof value === "number" ||
                  typeof value === "boolean",
              ),
            },
      ];
    case "invalid_union":
      return missing
        ? [{ kind: "missing", path }]
        : unionMistakes(issue, path, data);
    case "too_small":
      return [{ kind: "size", path, bound: `at least ${issue.minimum}` }];
    case "too_big":
      return [{ kind: "size", path, bound: `at most ${issue.maximum}` }];
    case "custom":
      // Only `textRule` adds custom issues, and it always adds its finding to them.
      return [
        {
          kind: "finding",
          path,
          finding: issue.params?.["finding"] as RuleFinding,
        },
      ];
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_key":
    case "invalid_element":
      throw new Error(`the schemas use no check that gives ${issue.code}`);
  }
};

export const schemaMistakes = (
  schema: z.ZodType,
  data: unknown,
): readonly Mistake[] => {
  const result = schema.safeParse(data);
  return result.success
    ? []
    : result.error.issues.flatMap((issue) => mistakesOf(issue, data));
};
