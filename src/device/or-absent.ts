// Asking the system for what need not be there.
import { errnoCode } from "./errno.ts";

/** Not there, or not for this user; EINVAL: a file of /sys whose device has just gone. */
const ABSENT = [
  "ENOENT",
  "ENOTDIR",
  "EACCES",
  "EPERM",
  "ELOOP",
  "EINVAL",
  "ENXIO",
  "ENODEV",
];

/** Undefined where it is absent. @throws every other error */
export const orAbsent = async <T>(step: Promise<T>): Promise<T | undefined> => {
  try {
    return await step;
  } catch (error) {
    if (ABSENT.includes(errnoCode(error) ?? "")) {
      return undefined;
    }
    throw error;
  }
};
