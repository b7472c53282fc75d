// What every command gets from the command line's surroundings: where it runs, how it may print and ask.
import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import type { Report } from "../report/events.ts";
import { renderProblems } from "../report/code-frame.ts";
import { EVENT_SCHEMA } from "../report/events.ts";
import type { Problem } from "../report/problem.ts";
import { createReporter } from "./reporter.ts";

/** Options that every command takes. */
export type GlobalOptions = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
};

export type Context = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
  /** A person sits at the terminal: questions may be asked. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  /** Progress: bars or lines on stderr, or NDJSON on stdout. */
  readonly report: Report;
  /** A result for people on stdout; nothing with --quiet or --json. */
  readonly print: (text: string) => void;
  /** A result for programs on stdout; nothing without --json. */
  readonly printJson: (record: Readonly<Record<string, unknown>>) => void;
  /** A remark for people on stderr; nothing with --quiet or --json. */
  readonly remark: (text: string) => void;
  /** Findings and errors on stderr, always. */
  readonly complain: (text: string) => void;
  /** Findings in the user's files, as code frames; `files` has their texts. */
  readonly showProblems: (
    problems: readonly Problem[],
    files: ReadonlyMap<string, string>,
  ) => void;
  readonly ask: (
    question: string,
    options?: { readonly hidden?: boolean },
  ) => Promise<string>;
  readonly close: () => void;
};

const wantsColor = (options: GlobalOptions, env: NodeJS.ProcessEnv): boolean =>
  options.color !== false &&
  (env["NO_COLOR"] ?? "") === "" &&
  ((env["FORCE_COLOR"] ?? "") !== "" || process.stderr.isTTY);

/** Asks on stderr, so that stdout stays data; hidden answers are not echoed. */
const askOnTerminal = async (
  question: string,
  hidden: boolean,
  signal: AbortSignal,
): Promise<string> => {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: true,
  });
  try {
    process.stderr.write(question);
    if (hidden) {
      // readline echoes through this method; without it nothing is shown.
      Object.assign(terminal, { _writeToOutput: () => undefined });
    }
    const answer = await terminal.question("", { signal });
    if (hidden) {
      process.stderr.write("\n");
    }
    return answer.trim();
  } finally {
    terminal.close();
  }
};

export const createContext = (
  options: GlobalOptions,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
): Context => {
  const json = options.json === true;
  const quiet = options.quiet === true;
  const color = wantsColor(options, env);
  const printJson = (record: Readonly<Record<string, unknown>>): void => {
    if (json) {
      console.log(JSON.stringify({ schema: EVENT_SCHEMA, ...record }));
    }
  };
  const reporter = createReporter({
    mode: json
      ? "json"
      : quiet
        ? "quiet"
        : process.stderr.isTTY && (env["CI"] ?? "") === ""
          ? "terminal"
          : "lines",
    write: (text) => process.stderr.write(text),
    printJson,
    columns: () => process.stderr.columns || 80,
    rows: () => process.stderr.rows || 24,
    paint: pc.createColors(color),
  });
  const people = !json && !quiet;
  const complain = (text: string): void => {
    reporter.pause();
    console.error(text);
  };
  return {
    cwd: process.cwd(),
    env,
    json,
    quiet,
    color,
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    signal,
    report: reporter.report,
    print: (text) => {
      if (people) {
        reporter.pause();
        console.log(text);
      }
    },
    printJson,
    remark: (text) => {
      if (people) {
        reporter.pause();
        console.error(text);
      }
    },
    complain,
    showProblems: (problems, files) => {
      for (const problem of problems) {
        printJson({ type: "problem", ...problem });
      }
      const shown = quiet
        ? problems.filter(({ severity }) => severity === "error")
        : problems;
      if (shown.length > 0) {
        complain(renderProblems(shown, files, { color }));
      }
    },
    ask: (question, { hidden = false } = {}) => {
      reporter.pause();
      return askOnTerminal(question, hidden, signal);
    },
    close: reporter.pause,
  };
};
