// Keeps udev, and with it desktops that mount what they see, away from a disk while it is written.
import { platform } from "node:process";
import { UserError } from "../../report/user-error.ts";
import { lockDescriptor } from "../../system/flock.ts";
import type { DeviceHandle } from "./device-handle.ts";

/** udev's own look at a disk takes less. */
const WAIT_SECONDS = 5;

/**
 * Takes the lock that udev honours (https://systemd.io/BLOCK_DEVICE_LOCKING/), until the handle is closed.
 * @throws UserError TARGET_IN_USE when another program holds it
 */
export const lockAgainstUdev = async (
  handle: Pick<DeviceHandle, "fd">,
  path: string,
): Promise<void> => {
  if (platform !== "linux") {
    return;
  }
  if (!(await lockDescriptor(handle.fd, { seconds: WAIT_SECONDS }))) {
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
