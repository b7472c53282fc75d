// Runs a command in this process as the command line would: what it says, its records and its exit status.
import { join } from "node:path";
import { type Context, createContext } from "../../src/terminal/context.ts";
import { explainFailure } from "../../src/terminal/explain-failure.ts";
import type { ProgressEvent } from "../../src/report/events.ts";

type Ran = {
  readonly exit: number;
  /** What people see on stderr of errors. */
  readonly said: string;
  /** What else they see: results and remarks. */
  readonly printed: string;
  readonly records: readonly Readonly<Record<string, unknown>>[];
};

export const environmentOf = (folder: string): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  PI_IMAGE_CACHE_HOME: join(folder, "cache"),
});

type Surroundings = {
  readonly signal?: AbortSignal;
  readonly report?: (event: ProgressEvent) => void;
  readonly ask?: Context["ask"];
  /** Added to a minimal environment. */
  readonly env?: NodeJS.ProcessEnv;
};

/** Nobody sits at its terminal unless `ask` answers. */
export const runInProcess = async (
  command: string,
  folder: string,
  work: (context: Context) => Promise<void>,
  {
    signal = new AbortController().signal,
    report,
    ask,
    env,
  }: Surroundings = {},
): Promise<Ran> => {
  const records: Readonly<Record<string, unknown>>[] = [];
  const said: string[] = [];
  const printed: string[] = [];
  const own = createContext({ quiet: true }, signal, {
    ...environmentOf(folder),
    ...env,
  });
  const context: Context = {
    ...own,
    cwd: folder,
    interactive: ask !== undefined,
    report: report ?? (() => undefined),
    print: (text) => printed.push(text),
    remark: (text) => printed.push(text),
    showProblems: (problems) => {
      said.push(...problems.map(({ message }) => message));
    },
    printJson: (record) => records.push(record),
    complain: (text) => said.push(text),
    ...(ask !== undefined && { ask }),
  };
  let exit = 0;
  try {
    await work(context);
  } catch (error) {
    exit = explainFailure(error, context, command);
  } finally {
    own.close();
  }
  return { exit, said: said.join("\n"), printed: printed.join("\n"), records };
};
