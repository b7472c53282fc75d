// A problem is a finding in files that people write: data, collected and printed together.
import type { ProblemCode } from "./problem-codes.ts";

/** Where in a file something is; line and column count from 1. */
export type Position = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters to underline, at least 1. */
  readonly length: number;
};

export type Problem = {
  readonly code: ProblemCode;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly at?: Position | undefined;
  /** Words printed beside the underline. */
  readonly label?: string | undefined;
  readonly hint?: string | undefined;
};

export const hasErrors = (problems: readonly Problem[]): boolean =>
  problems.some((problem) => problem.severity === "error");
