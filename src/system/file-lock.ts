// Lets one run at a time change a file; a run that was killed holds nothing up.
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, temporaryName } from "./atomic-file.ts";

const PAUSE_MS = 100;

const errorCode = (error: unknown): string | undefined =>
  (error as NodeJS.ErrnoException).code;

/** Who holds the lock: host, process id, and a word that no other lock has. */
const readHolder = async (lock: string): Promise<string | undefined> => {
  try {
    return await readFile(lock, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return undefined;
    }
    throw error;
  }
};

const isStale = (holder: string): boolean => {
  const [host, pid] = holder.split(" ");
  return host === hostname() && !isRunning(Number(pid));
};

/** Takes a dead run's lock away, but not the one that somebody else has just taken in its place. */
const removeStale = async (lock: string, holder: string): Promise<void> => {
  const aside = temporaryName(lock);
  try {
    await rename(lock, aside);
    if ((await readHolder(aside)) !== holder) {
      await link(aside, lock);
    }
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes(errorCode(error) ?? "")) {
      throw error;
    }
  } finally {
    await rm(aside, { force: true });
  }
};

const tryLock = async (lock: string): Promise<boolean> => {
  const temporary = temporaryName(lock);
  await writeFile(temporary, `${hostname()} ${process.pid} ${temporary}`);
  try {
    // A link appears whole: nobody sees a lock without its holder.
    await link(temporary, lock);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
};

/**
 * Runs `action` while no other run of pi-image does so for the same file. The lock is a hidden file beside it.
 *
 * @param path the file that `action` changes; its folder must exist
 * @param whenHeld gives the error for a lock that is still held after `seconds`, from the lock's path and its holder
 */
export const withFileLock = async <Result>(
  path: string,
  action: () => Promise<Result>,
  seconds: number,
  whenHeld: (lock: string, holder: string) => Error,
): Promise<Result> => {
  const lock = join(dirname(path), `.${basename(path)}.lock`);
  const end = Date.now() + seconds * 1000;
  while (!(await tryLock(lock))) {
    const holder = await readHolder(lock);
    if (holder !== undefined && isStale(holder)) {
      await removeStale(lock, holder);
    } else if (holder !== undefined && Date.now() > end) {
      throw whenHeld(lock, holder);
    } else {
      await sleep(PAUSE_MS);
    }
  }
  try {
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
};

/** Only for passing "somebody else has it" out of the lock; the message is the lock's path. */
class Held extends Error {
  override readonly name = "Held";
}

const LONG_PAUSE_MS = 500;

type Waiting = {
  /** Called once when another run holds the lock, with the lock's path. */
  readonly told: (lock: string) => void;
  readonly signal: AbortSignal;
};

/** The same, but it waits for the other run as long as that takes. */
export const withFileLockInTurn = async <Result>(
  path: string,
  { told, signal }: Waiting,
  action: () => Promise<Result>,
): Promise<Result> => {
  for (let first = true; ; first = false) {
    try {
      return await withFileLock(path, action, 0, (lock) => new Held(lock));
    } catch (error) {
      if (!(error instanceof Held)) {
        throw error;
      }
      if (first) {
        told(error.message);
      }
    }
    await sleep(LONG_PAUSE_MS, undefined, { signal });
  }
};
