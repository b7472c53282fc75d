// Lets one run at a time change a file; a run that was killed holds nothing up.
import { constants, type FileHandle, open, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { platform } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { lockDescriptor } from "./flock.ts";

/** Lets macOS take the lock while it opens the file (open(2) there); Linux has no such flag, macOS no flock program. */
const O_EXLOCK = 0x20;

const PAUSE_MS = 100;

type Wait = {
  /** Undefined: as long as it takes. */
  readonly seconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

const notALock = (lock: string): UserError =>
  new UserError("FILE_UNUSABLE", `${lock} is not a lock of pi-image`, {
    state: "nothing was written",
    hint: "look who made it, and delete it",
  });

/**
 * Accepts only a plain file: a lock file is emptied, and where others can write, its name may be a link to any file of ours,
 * or a pipe that would keep us waiting.
 * @throws UserError FILE_UNUSABLE
 */
const openLockFile = async (
  lock: string,
  flags: number,
): Promise<FileHandle> => {
  const own = flags | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle: FileHandle;
  try {
    handle = await open(lock, own, 0o600);
  } catch (error) {
    throw systemCode(error) === "ELOOP" ? notALock(lock) : error;
  }
  const found = await handle.stat();
  // A file without a name is fine: its last holder has just removed it.
  if (found.isFile() && found.nlink <= 1) {
    return handle;
  }
  await handle.close();
  throw notALock(lock);
};

const openLinux = async (
  lock: string,
  flags: number,
  wait: Wait,
): Promise<FileHandle | undefined> => {
  const handle = await openLockFile(lock, flags);
  let locked = false;
  try {
    locked = await lockDescriptor(handle.fd, wait);
    return locked ? handle : undefined;
  } finally {
    if (!locked) {
      await handle.close();
    }
  }
};

const openMac = async (
  lock: string,
  flags: number,
  { seconds = Infinity, signal }: Wait,
): Promise<FileHandle | undefined> => {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await openLockFile(lock, flags | O_EXLOCK);
    } catch (error) {
      if (systemCode(error) !== "EAGAIN") {
        throw error;
      }
      if (Date.now() > end) {
        return undefined;
      }
    }
    await sleep(PAUSE_MS, undefined, signal === undefined ? {} : { signal });
  }
};

/** Whoever had the lock before may have removed the file that we have just locked. */
const isStillThere = async (
  lock: string,
  handle: FileHandle,
): Promise<boolean> => {
  const mine = await handle.stat({ bigint: true });
  try {
    const there = await stat(lock, { bigint: true });
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return false;
    }
    throw error;
  }
};

const takeLock = async (
  lock: string,
  wait: Wait,
): Promise<FileHandle | undefined> => {
  const openLocked = platform === "darwin" ? openMac : openLinux;
  for (;;) {
    const handle = await openLocked(
      lock,
      constants.O_RDWR | constants.O_CREAT,
      wait,
    );
    if (handle === undefined || (await isStillThere(lock, handle))) {
      return handle;
    }
    await handle.close();
  }
};

/** Who holds the lock, for people; empty while a run has taken it and not yet said so. */
const readHolder = async (lock: string): Promise<string> => {
  try {
    const handle = await openLockFile(lock, constants.O_RDONLY);
    try {
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return "";
    }
    throw error;
  }
};

const lockOf = (path: string): string =>
  join(dirname(path), `.${basename(path)}.lock`);

const runLocked = async <Result>(
  lock: string,
  handle: FileHandle,
  action: () => Promise<Result>,
): Promise<Result> => {
  try {
    await handle.truncate(0);
    await handle.write(`${process.pid} ${hostname()}`, 0);
    return await action();
  } finally {
    // Removed while the lock is still ours: afterwards the file may be somebody else's.
    await rm(lock, { force: true });
    await handle.close();
  }
};

/**
 * Runs `action` while no other run of pi-image does so for the same file. The lock is on a hidden file beside it, and ends
 * with this process however that ends; what a killed run leaves of the file locks nothing.
 *
 * @param path the file that `action` changes; its folder must exist
 * @param whenHeld gives the error for a lock that is still held after `seconds`, from its holder's process id and host
 */
export const withFileLock = async <Result>(
  path: string,
  action: () => Promise<Result>,
  seconds: number,
  whenHeld: (holder: string) => Error,
  signal?: AbortSignal,
): Promise<Result> => {
  const lock = lockOf(path);
  const handle = await takeLock(lock, { seconds, signal });
  if (handle === undefined) {
    throw whenHeld(await readHolder(lock));
  }
  return runLocked(lock, handle, action);
};

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
  const lock = lockOf(path);
  let handle = await takeLock(lock, { seconds: 0, signal });
  if (handle === undefined) {
    told(lock);
    handle = await takeLock(lock, { signal });
  }
  if (handle === undefined) {
    throw new Error("only a limit of time ends waiting for a lock");
  }
  return runLocked(lock, handle, action);
};
