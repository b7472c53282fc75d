// Reads what may be absent; what is there but cannot be read is an error that names it.
import { lstat, readdir, readFile } from "node:fs/promises";
import { ifAbsent, isAbsent, systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { errnoReason } from "./errno-words.ts";

/** Said of a name that is there, these mean something other than of one that may not be. */
const OF_A_NAME: Readonly<Record<string, string>> = {
  ENOENT: "it is a symbolic link to nothing",
  ENOTDIR: "it is not a folder",
};

/** Why what has this name cannot be read; throws what does not come from the operating system. */
export const whyUnreadable = (error: unknown): string => {
  const code = systemCode(error);
  if (code === undefined) {
    throw error;
  }
  return OF_A_NAME[code] ?? errnoReason(code);
};

/** Node names no path where a folder is read as a file. */
export const unusable = (path: string, error: unknown): unknown =>
  systemCode(error) === undefined
    ? error
    : new UserError(
        "FILE_UNUSABLE",
        `${path} cannot be read: ${whyUnreadable(error)}`,
        {
          state: "nothing was written",
          hint: "make it readable, or move it away",
          cause: error,
        },
      );

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

/** As `isMissing`, for a name made from another by adding to it: one that became too long names nothing. */
export const isMissingBeside = async (
  path: string,
  error: unknown,
): Promise<boolean> =>
  systemCode(error) === "ENAMETOOLONG" || isMissing(path, error);

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
