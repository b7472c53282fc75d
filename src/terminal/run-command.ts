// Runs a command from its arguments to its exit status, and ends it when it is told to stop.
import { setImmediate } from "node:timers/promises";
import type { Command } from "commander";
import { cancelled } from "../report/cancelled.ts";
import { EXIT } from "../report/exit-codes.ts";
import { removeTemporaries } from "../system/atomic-file.ts";
import { leaveLostTerminals, outlivesTerminal } from "../system/run/hang-up.ts";
import { stuckCancel } from "./cancelled-state.ts";
import { demandDescriptors } from "../system/run/named-descriptors.ts";
import { type Context, createContext, type GlobalOptions } from "./context.ts";
import { demandFilled, workingFolderGone } from "./demand-arguments.ts";
import { explainFailure, showUserError } from "./explain-failure.ts";
import { outputFailure } from "./output-streams.ts";
import { isApart, killApart, reportEnd, waitsForApart } from "./run-apart.ts";

export type RunCommand = (
  context: Context,
  args: readonly (string | undefined)[],
  options: Readonly<Record<string, unknown>>,
) => Promise<void>;

type Running = {
  readonly context: Context;
  readonly name: string;
  /** It must put back what it has changed, however long that takes. */
  readonly putsBack: boolean;
};

let running: Running | undefined;

/** Milliseconds that a stopped command has to end by itself; a process that waits for another gives it time for its message. */
const STOP_MS = 1500;
const STOP_MORE_MS = 300;

/** npm and the terminal both pass a Ctrl-C on: what comes within these milliseconds is the same one. */
const SAME_SIGNAL_MS = 100;

type Named = {
  readonly name: string;
  readonly options: GlobalOptions;
  readonly putsBack: boolean;
};

/** Runs the work, reports a failure, and sets the exit status. */
export const runNamed = async (
  { name, options, putsBack }: Named,
  stop: AbortController,
  work: (context: Context) => Promise<void>,
): Promise<void> => {
  const context = createContext(options, stop.signal);
  running = { context, name, putsBack };
  try {
    await work(context);
    await setImmediate();
    const unprinted = outputFailure();
    if (unprinted !== undefined) {
      throw unprinted;
    }
  } catch (error) {
    // The Ctrl-C that ends our tools is sent to us too: let Node handle that signal before the failure is explained.
    await setImmediate();
    process.exitCode = explainFailure(error, context, name);
  } finally {
    context.close();
    running = undefined;
    reportEnd();
  }
};

/** Runs a command as the command line has it. */
export const runCommand = async (
  command: Command,
  stop: AbortController,
  run: RunCommand,
): Promise<void> => {
  const name = command.name();
  const options = command.optsWithGlobals<
    GlobalOptions & Record<string, unknown>
  >();
  const putsBack = options["test"] !== undefined;
  const gone = workingFolderGone();
  if (gone !== undefined) {
    process.chdir("/");
  }
  await runNamed({ name, options, putsBack }, stop, async (context) => {
    if (gone !== undefined) {
      throw gone;
    }
    demandFilled(
      command.registeredArguments.map((argument, index) => [
        argument.name(),
        command.processedArgs[index] as unknown,
      ]),
      command.options.map((option) => [
        option.long ?? option.flags,
        options[option.attributeName()],
      ]),
    );
    if (!isApart()) {
      demandDescriptors(process.argv);
    }
    await run(context, command.processedArgs as string[], options);
  });
};

/** Whether the terminal went away, and this run with it. */
let hungUp = false;

/** Ends by the signal itself, so that the shell, and whoever else waits, sees which one it was. */
const endBy = (signal: NodeJS.Signals): void => {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
};

/** To be called last at the exit. */
export const leaveTerminal = (): void => {
  const lost = leaveLostTerminals();
  // A question that ends with its terminal may end before Node has looked at the signal.
  if (hungUp || (lost && process.exitCode === EXIT.cancelled)) {
    killApart();
    endBy("SIGHUP");
  }
};

/**
 * Ends the process at once. An ordinary exit waits for the threads that do file operations, and for ever if a dead file
 * server, or a named pipe without a writer, never answers one. Then the signal itself ends it: status 130 in a shell.
 */
const endAtOnce = (exit: () => void): void => {
  if (
    process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))
  ) {
    removeTemporaries();
    killApart();
    endBy(hungUp ? "SIGHUP" : "SIGINT");
    return;
  }
  exit();
};

/** A request that is never answered must not keep the command from ending. */
const endWhenStuck = (exit: () => void): void => {
  if (running?.putsBack === true) {
    return;
  }
  if (running !== undefined) {
    const { context, name } = running;
    process.exitCode = EXIT.cancelled;
    showUserError(context, stuckCancel(name));
    context.close();
    reportEnd();
  }
  endAtOnce(exit);
};

/** The first signal stops the command, a second one ends the process at once. */
export const endOnSignals = (stop: AbortController, exit: () => void): void => {
  stop.signal.addEventListener("abort", () => {
    setTimeout(
      () => endWhenStuck(exit),
      waitsForApart() ? STOP_MS + STOP_MORE_MS : STOP_MS,
    ).unref();
  });
  let stoppedAt: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGHUP") {
        if (outlivesTerminal || isApart()) {
          return;
        }
        hungUp = true;
      }
      const now = performance.now();
      if (stoppedAt !== undefined && now - stoppedAt > SAME_SIGNAL_MS) {
        // A second signal must always work, even when stopping hangs on a bad device.
        process.exitCode = EXIT.cancelled;
        endAtOnce(exit);
      }
      stoppedAt ??= now;
      stop.abort(cancelled());
    });
  }
};
