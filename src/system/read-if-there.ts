// Reads what may be absent; what is there but cannot be read is an error that names it.
import { lstat, readdir, readFile } from "node:fs/promises";
import { ifAbsent, isAbsent, systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "you may not read it",
  EPERM: "you may not read it",
  EISDIR: "it is a folder",
  ENOENT: "it is a symbolic link to nothing",
  ENOTDIR: "it is not a folder",
  ELOOP: "it is a symbolic link that leads in a circle",
  EIO: "the disk reports an error",
  ENAMETOOLONG: "its name is too long",
};

/** Node names no path where a folder is read as a file. */
export const unusable = (path: string, error: unknown): unknown => {
  const code = systemCode(error);
  return code === undefined
    ? error
    : new UserError(
        "FILE_UNUSABLE",
        `${path} cannot be read: ${REASONS[code] ?? `the system says ${code}`}`,
        {
          state: "nothing was written",
          hint: "make it readable, or move it away",
          cause: error,
        },
      );
};

/** Whether reading it failed because nothing has this name; a link to nothing does. */
export const isMissing = async (
  path: string,
  error: unknown,
): Promise<boolean> =>
  isAbsent(error) &&
  (await lstat(path).then(
    () => false,
    (failure: unknown) => ifAbsent(failure, true),
  ));

/** The file's bytes, or undefined where there is no such file. Throws FILE_UNUSABLE. */
export const readIfThere = async (
  path: string,
): Promise<Buffer | undefined> => {
  try {
    return await readFile(path);
  } catch (error) {
    if (await isMissing(path, error)) {
      return undefined;
    }
    throw unusable(path, error);
  }
};

/** The names in a folder; none where there is no such folder. Throws FILE_UNUSABLE. */
export const listIfThere = async (
  folder: string,
): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (await isMissing(folder, error)) {
      return [];
    }
    throw unusable(folder, error);
  }
};
