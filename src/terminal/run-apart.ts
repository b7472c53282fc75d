// Runs what touches devices in a process of its own. A request that a dead device never answers keeps the process that made
// it alive, whatever that process does; the one that the user waits for must end all the same.
import { closeSync } from "node:fs";
import { env, execArgv, execPath, pid } from "node:process";
import { isSea } from "node:sea";
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled } from "../report/cancelled.ts";
import { EXIT } from "../report/exit-codes.ts";
import { ifSystem } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { namedDescriptors } from "../system/run/named-descriptors.ts";
import { startProgram } from "../system/run/start-program.ts";

/** Variable for the process that does the work; its value is the id of the process above it. */
const MARK = "PI_IMAGE_APART";

/**
 * Threads for file operations. Node's four would all hang in two cards that do not answer, and the good ones with them.
 * They must be asked for before the process starts.
 */
const THREADS = "24";

/** Milliseconds for an ordinary end after the result is known. */
const GRACE = 200;

export const STOP = "stop";

/** The number that a message has under this name. No schema: this process only waits, and should be small. */
const numberIn = (message: unknown, name: string): number | undefined => {
  const value: unknown =
    typeof message === "object" && message !== null
      ? Reflect.get(message, name)
      : undefined;
  return typeof value === "number" ? value : undefined;
};

/** Whether this is the process that does the work; the other one tells it when to stop. */
export const isApart = (): boolean =>
  env[MARK] === String(process.ppid) && process.send !== undefined;

/** In the process that does the work: it lives no longer than the one that the user sees. Does nothing elsewhere. */
export const followParent = (stop: AbortController): void => {
  if (!isApart()) {
    return;
  }
  process.on("message", (message) => {
    if (message === STOP) {
      stop.abort(cancelled());
    }
  });
  // As if both had been killed: nothing must be written when the user believes that pi-image is gone.
  process.on("disconnect", () => process.kill(pid, "SIGKILL"));
  process.channel?.unref();
};

/** A single-file executable has no script; Node names the executable once more in its place. */
const sameArguments = (): readonly string[] => [
  ...execArgv,
  ...process.argv.slice(isSea() ? 2 : 1),
];

/** The environment of the process that does the work. */
export const apartEnvironment = (
  own: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv => ({
  UV_THREADPOOL_SIZE: THREADS,
  ...own,
  [MARK]: String(pid),
});

const firstFree = (taken: readonly number[]): number => {
  let free = 3;
  while (taken.includes(free)) {
    free += 1;
  }
  return free;
};

/**
 * Node hands down only what is listed here: files that the command line names keep their numbers, and devices get the numbers
 * above.
 */
const stdioWith = (named: readonly number[], devices: readonly number[]) => {
  const channel = firstFree(named);
  const last = Math.max(channel, ...named);
  return [
    ...Array.from({ length: last + 1 }, (_, fd) =>
      fd < 3
        ? ("inherit" as const)
        : fd === channel
          ? ("ipc" as const)
          : named.includes(fd)
            ? fd
            : ("ignore" as const),
    ),
    ...devices,
  ];
};

type Again = {
  /** See `startProgram`. */
  readonly asRoot?: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Descriptors that it gets beside the files that the command line names. */
  readonly devices?: readonly number[];
};

/**
 * Starts this program once more, with the same arguments and the same terminal.
 * @returns also the number of the first device in the new process
 */
export const startAgain = ({ asRoot = false, env, devices = [] }: Again) => {
  const stdio = stdioWith(namedDescriptors(process.argv), devices);
  const child = startProgram(execPath, sameArguments(), {
    stdio,
    env,
    asRoot,
    ourselves: true,
  });
  return { child, firstDevice: stdio.length - devices.length };
};

let waiting = false;

let apart: ReturnType<typeof startProgram> | undefined;

/** The process below `apart`, where that is a helper; it belongs to this user, which the helper does not. */
let worker: number | undefined;

/**
 * Ends the process that does the work, whatever it is doing. It also ends by itself when this one is gone, unless a call blocks
 * its main thread. A helper that is still root, when this process is not any more, ends only that way; the worker is never root.
 */
export const killApart = (): void => {
  if (apart?.exitCode === null && apart.signalCode === null) {
    apart.kill("SIGKILL");
    if (worker !== undefined) {
      try {
        process.kill(worker, "SIGKILL");
      } catch (error) {
        ifSystem(error, undefined);
      }
    }
  }
};

/** Whether this process only waits for the one that does the work, which ends itself when it is told to stop. */
export const waitsForApart = (): boolean => waiting;

/**
 * Waits for the process that does the work, and has it stopped with `stop`.
 * @param state what a process that was killed leaves behind
 * @returns its exit status
 * @throws UserError RUN_KILLED
 */
export const watchApart = async (
  child: ReturnType<typeof startProgram>,
  stop: AbortController,
  state = "if a card was already being written, it does not boot",
): Promise<number> => {
  waiting = true;
  apart = child;
  process.on("exit", killApart);
  stop.signal.addEventListener("abort", () => {
    if (child.connected) {
      child.send(STOP);
    }
  });
  const gone = new Promise<NodeJS.Signals | number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ?? code ?? EXIT.bug));
  });
  const told = new Promise<number>((resolve) => {
    child.on("message", (message) => {
      // Sent by a helper that stands between the two.
      worker = numberIn(message, "worker") ?? worker;
      const exit = numberIn(message, "exit");
      if (exit !== undefined) {
        resolve(exit);
      }
    });
  });
  const first = await Promise.race([told, gone]);
  if (typeof first === "string") {
    throw new UserError(
      "RUN_KILLED",
      `the process that does the work was killed by ${first}`,
      {
        state,
        hint: "the system does that when memory runs out; run the same command again",
      },
    );
  }
  await Promise.race([gone, sleep(GRACE, undefined, { ref: false })]);
  child.unref();
  child.channel?.unref();
  return first;
};

/**
 * Does the work, in a second process; `process.exitCode` is the work's.
 * @throws what the work throws, in the process that does it; else UserError RUN_KILLED
 */
export const runApart = async (
  stop: AbortController,
  work: () => Promise<void>,
): Promise<void> => {
  if (!isApart()) {
    const { child } = startAgain({ env: apartEnvironment(env) });
    process.exitCode = await watchApart(child, stop);
    return;
  }
  await work();
};

/** Tells the waiting process how the work ended; does nothing elsewhere. Nothing can be printed afterwards. */
export const reportEnd = (): void => {
  if (!isApart() || !process.connected) {
    return;
  }
  process.send?.({ exit: Number(process.exitCode ?? EXIT.done) });
  // Whoever reads what we print waits for the last process that could still print.
  for (const output of [1, 2]) {
    closeSync(output);
  }
};
