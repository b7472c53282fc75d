// Every finding once: nodes that share a fragment share its mistakes.
import type { Problem } from "../report/problem.ts";

/** In the order of the first occurrence; problems are the same when code, place and message are. */
export const uniqueProblems = (problems: readonly Problem[]): Problem[] => [
  ...new Map(
    problems.map((problem) => {
      const { code, at, message } = problem;
      return [JSON.stringify([code, at, message]), problem] as const;
    }),
  ).values(),
];
