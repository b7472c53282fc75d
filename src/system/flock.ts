// Locks that end with the process that holds them: flock(2) on an open file, the only kind of lock in this program.
import { once } from "node:events";
import { systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { toolEnvironment, toolMissing } from "./run/run-tool.ts";
import { startProgram } from "./run/start-program.ts";

/** The status of the flock program where somebody else holds the lock. */
const HELD = 1;

type Wait = {
  /** How long another holder is waited for; undefined: as long as it takes. */
  readonly seconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Ends the wait for another holder. Not by AbortSignal.any(): Node 20 can lose a timer that only such a signal refers to, and
 * would then wait for ever.
 */
const endOfWait = ({ seconds, signal }: Wait) => {
  const end = new AbortController();
  const stop = () => end.abort();
  const timer =
    seconds === undefined ? undefined : setTimeout(stop, seconds * 1000);
  signal?.addEventListener("abort", stop);
  return {
    signal: end.signal,
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    },
  };
};

/**
 * Takes the lock on an open file of Linux; it is held until the file is closed or the process ends in any way. Node has no
 * flock(2), but such a lock belongs to the open file and not to a process: the flock program takes it on our descriptor and
 * ends. It gets only options that BusyBox has too.
 * @returns false when somebody else still holds it after that time; close the file then
 * @throws UserError TOOL_MISSING, TOOL_FAILED; the reason of `signal`
 */
export const lockDescriptor = async (
  fd: number,
  wait: Wait,
): Promise<boolean> => {
  wait.signal?.throwIfAborted();
  const atOnce = wait.seconds === 0 ? ["-n"] : [];
  const end = endOfWait(wait);
  const flock = startProgram("flock", ["-x", ...atOnce, "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
    env: toolEnvironment(),
    ...(wait.seconds === 0 ? {} : { signal: end.signal }),
  });
  try {
    const [status] = (await once(flock, "close")) as [number | null];
    wait.signal?.throwIfAborted();
    if (status === 0 || status === HELD) {
      return status === 0;
    }
    // Such as a network file system whose server keeps no locks.
    throw new UserError(
      "TOOL_FAILED",
      `flock ended with status ${status ?? "of a signal"}, so nothing keeps other runs of pi-image away`,
      {
        state: "nothing was written",
        hint: "use a folder on a local disk",
      },
    );
  } catch (error) {
    wait.signal?.throwIfAborted();
    if (error instanceof Error && error.name === "AbortError") {
      return false;
    }
    throw systemCode(error) === "ENOENT"
      ? toolMissing("flock", "util-linux")
      : error;
  } finally {
    end.clear();
  }
};
