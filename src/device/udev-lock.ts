// Keeps udev, and with it desktops that mount what they see, away from a disk while it is written.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { FileHandle } from "node:fs/promises";
import { platform } from "node:process";
import { UserError } from "../report/user-error.ts";
import { toolEnvironment } from "../system/run-tool.ts";

/** udev's own look at a disk takes less. */
const WAIT_SECONDS = 5;

/** Of `flock --timeout` that got nothing. */
const NOT_LOCKED = 1;

/**
 * Takes the BSD lock that udev honours (https://systemd.io/BLOCK_DEVICE_LOCKING/). Node has no flock(2), but such a lock
 * belongs to the open file and not to a process: the flock program takes it on our descriptor and ends, and we hold it
 * until the handle is closed or the process ends in any way. Without that program nothing is locked.
 * @throws UserError TARGET_IN_USE when another program holds the lock
 */
export const lockAgainstUdev = async (
  handle: FileHandle,
  path: string,
): Promise<void> => {
  if (platform !== "linux") {
    return;
  }
  const flock = spawn(
    "flock",
    ["--exclusive", "--timeout", String(WAIT_SECONDS), "3"],
    {
      stdio: ["ignore", "ignore", "ignore", handle.fd],
      env: toolEnvironment(),
    },
  );
  let status: unknown;
  try {
    [status] = await once(flock, "close");
  } catch {
    return;
  }
  if (status === NOT_LOCKED) {
    throw new UserError(
      "TARGET_IN_USE",
      `${path} is in use: another program holds its lock`,
      {
        state: "nothing was written",
        hint: "wait for the other program that writes to it, such as a partition editor or an installer",
      },
    );
  }
};
