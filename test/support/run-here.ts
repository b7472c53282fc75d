// Runs pi-image in the process of the test: most of what a run of its own costs is the start of Node and of the program.
import { Readable, Writable } from "node:stream";
import { runArguments } from "../../src/run-arguments.ts";
import { removeTemporaries } from "../../src/system/atomic-file.ts";

type Surroundings = {
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
};

/** As a pipe that somebody reads to its end. */
const collector = () => {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
};

const setEnvironment = (env: NodeJS.ProcessEnv): void => {
  // The same object: some modules have taken it at their start, and children get it.
  for (const name of Object.keys(process.env)) {
    if (env[name] === undefined) {
      delete process.env[name];
    }
  }
  Object.assign(process.env, env);
};

/** Gives the process what the run sees of it; the result puts all of it back. */
const enter = (
  { cwd, env }: Surroundings,
  streams: Readonly<Record<"stdin" | "stdout" | "stderr", unknown>>,
): (() => void) => {
  const before = {
    cwd: process.cwd(),
    env: { ...process.env },
    exitCode: process.exitCode,
    streams: Object.keys(streams).map(
      (name) => [name, Object.getOwnPropertyDescriptor(process, name)] as const,
    ),
  };
  process.chdir(cwd);
  setEnvironment(env);
  process.exitCode = undefined;
  for (const [name, value] of Object.entries(streams)) {
    Object.defineProperty(process, name, { configurable: true, value });
  }
  return () => {
    for (const [name, descriptor] of before.streams) {
      Object.defineProperty(process, name, descriptor ?? {});
    }
    process.exitCode = before.exitCode;
    setEnvironment(before.env);
    process.chdir(before.cwd);
  };
};

/** What touches devices has a process of its own, which lives longer than a request that is never answered; none is here. */
const notApart = async (
  _stop: AbortController,
  work: () => Promise<void>,
): Promise<void> => {
  await work();
};

let turn: Promise<unknown> = Promise.resolve();

/** One at a time, whoever asks: a process has one working folder and one environment. */
export const runHere = (
  args: readonly string[],
  surroundings: Surroundings,
) => {
  const run = async () => {
    const stdout = collector();
    const stderr = collector();
    const leave = enter(surroundings, {
      stdin: Object.assign(Readable.from([]), { fd: -1 }),
      stdout: stdout.stream,
      stderr: stderr.stream,
    });
    try {
      await runArguments(args, new AbortController(), notApart);
      removeTemporaries();
      return {
        status: Number(process.exitCode ?? 0),
        stdout: stdout.text(),
        stderr: stderr.text(),
      };
    } finally {
      leave();
    }
  };
  const mine = turn.then(run);
  turn = mine.catch(() => undefined);
  return mine;
};
