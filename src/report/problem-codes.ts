// Every code of a finding in the user's files, with the sentence that docs/errors.md shows.
// A code is permanent once released.

export const PROBLEM_CODES = {
  YAML_SYNTAX: "The file is not valid YAML.",
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof PROBLEM_CODES;
