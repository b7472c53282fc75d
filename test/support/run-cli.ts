// Runs pi-image as a user would: a process with arguments, a folder and an environment of its own.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { inject } from "vitest";

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
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, ...env },
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

/** HOME is the working folder unless `env` says otherwise, so that no file of the developer counts. */
export const runCli = (
  args: readonly string[],
  options: CliOptions,
): Promise<CliResult> => resultOf(startCli(args, options));
