// Keeps a second pi-image away from a target file while the first one writes it.
import type { FileHandle } from "node:fs/promises";
import { platform } from "node:process";
import { UserError } from "../../report/user-error.ts";
import { lockDescriptor } from "../../system/flock.ts";

/**
 * Holds the open file until the handle is closed. On other systems than Linux two runs on one file are not told apart.
 * @throws UserError TARGET_IN_USE
 */
export const lockTargetFile = async (
  handle: FileHandle,
  path: string,
): Promise<void> => {
  if (platform !== "linux") {
    return;
  }
  if (!(await lockDescriptor(handle.fd, { seconds: 0 }))) {
    throw new UserError(
      "TARGET_IN_USE",
      `another program, perhaps a second pi-image, is writing to ${path}`,
      {
        state: "this run wrote nothing",
        hint: "wait for it, or choose another target",
      },
    );
  }
};
