// What every command gets from the command line's surroundings: where it runs, how it may print and ask.
import pc from "picocolors";
import type { Report } from "../report/events.ts";
import { renderProblems } from "./code-frame.ts";
import { EVENT_SCHEMA } from "../report/events.ts";
import type { Problem } from "../report/problem.ts";
import { printable } from "../report/printable.ts";
import { askAtTerminal, type Question } from "./ask.ts";
import { canRedraw, isDumb, wantsColor } from "./kind.ts";
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
  /** Of the terminal that results are printed on; a file or a pipe has no limit. */
  readonly columns: number;
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
  /** The answer of the person at the terminal; throws CANCELLED when there is none. */
  readonly ask: (question: Question) => Promise<string>;
  readonly close: () => void;
};

export const createContext = (
  options: GlobalOptions,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
): Context => {
  const json = options.json === true;
  const quiet = options.quiet === true;
  const { stdin, stdout, stderr } = process;
  const color = wantsColor(options.color, env, stderr);
  const paint = pc.createColors(color);
  const printJson = (record: Readonly<Record<string, unknown>>): void => {
    if (json) {
      stdout.write(`${JSON.stringify({ schema: EVENT_SCHEMA, ...record })}\n`);
    }
  };
  const reporter = createReporter({
    mode: json
      ? "json"
      : quiet
        ? "quiet"
        : canRedraw(env, stderr)
          ? "terminal"
          : "lines",
    write: (text) => stderr.write(text),
    printJson,
    columns: () => stderr.columns || 80,
    rows: () => stderr.rows || 24,
    paint,
  });
  stderr.on("resize", reporter.redraw);
  const people = !json && !quiet;
  const complain = (text: string): void => {
    reporter.pause();
    stderr.write(`${printable(text, color)}\n`);
  };
  return {
    cwd: process.cwd(),
    env,
    json,
    quiet,
    color,
    columns: stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY,
    interactive: stdin.isTTY && stderr.isTTY,
    signal,
    report: reporter.report,
    print: (text) => {
      if (people) {
        reporter.pause();
        stdout.write(`${printable(text, false)}\n`);
      }
    },
    printJson,
    remark: (text) => {
      if (people) {
        reporter.pause();
        stderr.write(`${printable(text, color)}\n`);
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
        complain(
          renderProblems(shown, files, { color, columns: stderr.columns }),
        );
      }
    },
    ask: (question) => {
      reporter.pause();
      return askAtTerminal(
        question,
        { input: stdin, output: stderr, plain: isDumb(env), paint },
        signal,
      );
    },
    close: () => {
      stderr.off("resize", reporter.redraw);
      reporter.pause();
    },
  };
};
