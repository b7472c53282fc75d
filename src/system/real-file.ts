// Finds the file that symbolic links lead to: a file that is replaced whole must not take the place of a link to it.
import { lstat, realpath } from "node:fs/promises";
import { ifAbsent } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";

/** The disk that it leads to is probably not mounted: a file in its place would be lost below the mount. */
const danglingLink = (path: string): UserError =>
  new UserError(
    "FILE_UNUSABLE",
    `${path} cannot be written: it is a symbolic link to nothing`,
    {
      state: "it is unchanged",
      hint: "mount the disk that it leads to, or delete the link",
    },
  );

/**
 * Where a file of this name is written, so that links to it stay; the name itself where there is no file yet.
 * @throws UserError FILE_UNUSABLE for a link to nothing; what the system says of one that leads in a circle
 */
export const realFile = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    const link = await lstat(path).catch((failure: unknown) =>
      ifAbsent(failure, undefined),
    );
    if (link?.isSymbolicLink() === true) {
      throw ifAbsent(error, danglingLink(path));
    }
    return ifAbsent(error, path);
  }
};
