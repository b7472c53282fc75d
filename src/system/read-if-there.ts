// Reads what may be absent; what is there but cannot be read is an error that names it.
import { lstat, readdir, stat } from "node:fs/promises";
import { ifAbsent, isAbsent, systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { errnoReason } from "./errno-words.ts";
import { readAtMost, readWhole } from "./read-whole.ts";

/** What these codes mean for a name that exists, which is not what they mean for one that may not exist. */
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
export const unusableFile = (path: string, error: unknown): unknown =>
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

/** Whether reading it failed because nothing has this name; a link to nothing has it. */
export const isMissing = async (
  path: string,
  error: unknown,
): Promise<boolean> =>
  isAbsent(error) &&
  (await lstat(path).then(
    () => false,
    (failure: unknown) => ifAbsent(failure, true),
  ));

/** A file that exists but cannot be looked at is not absent: treating it as such would replace a good copy by another one. */
export const existsAt = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return ifAbsent(error, false);
  }
};

type Wrong = {
  readonly tooLarge: () => Error;
  readonly unreadable: (code: string) => Error;
};

/**
 * A file whose name is made from another's by adding to it; undefined where there is none, also where the name became too
 * long. A pipe is not waited for.
 * @param limit bytes
 * @throws what `wrong` makes of a file that is larger, or of the operating system's code when it cannot be read
 */
export const readBeside = async (
  path: string,
  limit: number,
  wrong: Wrong,
): Promise<Buffer | undefined> => {
  try {
    const bytes = await readAtMost(path, limit);
    if (bytes.length > limit) {
      throw wrong.tooLarge();
    }
    return bytes;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENAMETOOLONG" || (await isMissing(path, error))) {
      return undefined;
    }
    throw code === undefined ? error : wrong.unreadable(code);
  }
};

/** The file's bytes, or undefined where there is no such file. Throws FILE_UNUSABLE. */
export const readIfThere = async (
  path: string,
): Promise<Buffer | undefined> => {
  try {
    return await readWhole(path);
  } catch (error) {
    if (await isMissing(path, error)) {
      return undefined;
    }
    throw unusableFile(path, error);
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
    throw unusableFile(folder, error);
  }
};
