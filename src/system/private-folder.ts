// A folder for temporary files that nobody else can enter, rename or replace.
import { lstat, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "../report/user-error.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * The first folder, of this one and all above it, in which another user could exchange an entry; undefined where there is
 * none. In a folder with the sticky bit, such as /tmp, only an entry's owner can exchange it.
 */
const exchangeable = async (folder: string): Promise<string | undefined> => {
  const own = process.geteuid?.();
  for (let path = folder; ; path = dirname(path)) {
    const { mode, uid } = await lstat(path);
    const foreign = own !== undefined && uid !== own && uid !== 0;
    if (
      foreign ||
      ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)
    ) {
      return path;
    }
    if (path === dirname(path)) {
      return undefined;
    }
  }
};

/**
 * A new folder, mode 0700, in the one for temporary files. Its path has no links.
 * @throws UserError FILE_UNUSABLE where others could exchange it
 */
export const makePrivateFolder = async (prefix: string): Promise<string> => {
  const parent = await realpath(tmpdir());
  const unsafe = await exchangeable(parent);
  if (unsafe !== undefined) {
    throw new UserError(
      "FILE_UNUSABLE",
      `${parent} is not safe for temporary files: other users can exchange what is in ${unsafe}`,
      {
        state: "nothing was written",
        hint: "set TMPDIR to a folder that only you can write to",
      },
    );
  }
  return mkdtemp(join(parent, prefix));
};
