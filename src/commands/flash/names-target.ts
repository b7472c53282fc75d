// Whether an answer names a target: by its name, by the target as it was written, or by any path that leads to it.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { errorCode } from "../../report/expected-failure.ts";

/** Errors that mean "no such path": the user may type anything, even a zero byte. */
const NO_PATH = new Set([
  "EACCES",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "ERR_INVALID_ARG_VALUE",
]);

/** Identifies what a path leads to, independent of its name; undefined where there is nothing. */
const identityOf = async (path: string): Promise<string | undefined> => {
  try {
    const found = await stat(path);
    return found.isBlockDevice()
      ? `device ${found.rdev}`
      : `file ${found.dev} ${found.ino}`;
  } catch (error) {
    if (NO_PATH.has(errorCode(error) ?? "")) {
      return undefined;
    }
    throw error;
  }
};

/**
 * @param answer without white space around it
 * @param name the last part of the target's path, such as sda
 * @param target as the user wrote it
 */
export const namesTarget = async (
  answer: string,
  name: string,
  target: string,
): Promise<boolean> => {
  if (answer === name || answer === target) {
    return true;
  }
  // A bare word is a device name, not a file in the working folder.
  if (!answer.includes("/")) {
    return false;
  }
  if (resolve(answer) === resolve(target)) {
    return true;
  }
  const meant = await identityOf(answer);
  return meant !== undefined && meant === (await identityOf(target));
};
