// What may be shown on a terminal, or arrive on a card.
import { expect } from "vitest";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import type { Problem } from "../../src/report/problem.ts";

/** Control characters, halves of a pair, separators of lines. */
export const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** @param shown what code frames show of the file */
export const expectPrintable = (
  problems: readonly Problem[],
  file: string,
  shown: string,
): void => {
  const printed = renderProblems(problems, new Map([[file, shown]]), {
    color: false,
  });
  expect(printed.replaceAll("\n", "")).not.toMatch(FORBIDDEN);
};
