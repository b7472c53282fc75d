// Runs pi-image as a user would, with arguments, a folder and an environment of its own.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { inject } from "vitest";
import { runHere } from "./run-here.ts";

export type CliResult = {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
};

type CliOptions = {
  readonly cwd: string;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** In a process group of its own, which can be stopped as a whole. */
  readonly detached?: boolean;
  /** A script for the shell, which gets the command line of pi-image as "$@". */
  readonly through?: string;
};

/** HOME is the working folder unless `env` says otherwise, so that no file of the developer counts. */
const minimal = (cwd: string, env: Readonly<Record<string, string>>) => ({
  PATH: process.env["PATH"] ?? "",
  HOME: cwd,
  ...env,
});

export const startCli = (
  args: readonly string[],
  { cwd, env = {}, detached = false, through }: CliOptions,
) => {
  const own = [process.execPath, inject("cli"), ...args];
  const [program = "", ...rest] =
    through === undefined ? own : ["bash", "-c", through, "bash", ...own];
  return spawn(program, rest, {
    cwd,
    detached,
    stdio: ["ignore", "pipe", "pipe"],
    env: minimal(cwd, env),
  });
};

/** What a process prints until it ends; its status is 128 where a signal ended it. */
export const resultOf = (
  child: ChildProcessByStdio<null, Readable, Readable>,
): Promise<CliResult> =>
  new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (status) => {
      resolve({ status: status ?? 128, stdout, stderr });
    });
  });

/** A process of its own, for what is about processes: signals, rights, descriptors, what is printed at the end of all. */
export const runProcess = (
  args: readonly string[],
  options: CliOptions,
): Promise<CliResult> => resultOf(startCli(args, options));

/** Variables that Node or src/cli.ts look at before any command runs. */
const READ_AT_START = /^(NODE|UV|LD|SUDO|DOAS|PKEXEC)_/;

/** Runs a command as a process of its own would; see `runProcess` for what that is not enough for. */
export const runCli = (
  args: readonly string[],
  { cwd, env = {} }: Pick<CliOptions, "cwd" | "env">,
): Promise<CliResult> => {
  const early = Object.keys(env).find((name) => READ_AT_START.test(name));
  if (early !== undefined) {
    throw new Error(`${early} counts at the start of a process: runProcess`);
  }
  return runHere(args, { cwd, env: minimal(cwd, env) });
};
