// Words for what the operating system refuses: a file that may not be written, a full disk. None of it is our bug.
import { UserError } from "../report/user-error.ts";

const REASONS: Readonly<Record<string, readonly [why: string, hint: string]>> =
  {
    EACCES: [
      "your user lacks the permission",
      "give your user the permission, or use a folder of your own",
    ],
    EPERM: [
      "the system does not allow it",
      "give your user the permission, or use a folder of your own",
    ],
    EROFS: ["the file system is read-only", "use a folder on another disk"],
    ENOSPC: ["the disk is full", "free some space, and run the command again"],
    EDQUOT: [
      "this user's disk quota is used up",
      "free some space, and run the command again",
    ],
    EIO: [
      "the disk reports an error",
      "look at the kernel's messages: sudo dmesg",
    ],
  };

/** The hidden name of a file in the making means nothing to the user. */
const finalName = (path: string): string =>
  path.replace(/(^|\/)\.([^/]+)\.\d+-[0-9a-f]{12}\.partial$/, "$1$2");

/** undefined for what may well be a bug, such as a file that does not exist. */
export const explainSystemFailure = (error: unknown): UserError | undefined => {
  if (!(error instanceof Error) || !("code" in error)) {
    return undefined;
  }
  const [why, hint] = REASONS[String(error.code)] ?? [];
  if (why === undefined || hint === undefined) {
    return undefined;
  }
  const path =
    "path" in error && typeof error.path === "string"
      ? finalName(error.path)
      : "a file";
  return new UserError(
    "FILE_UNUSABLE",
    `${path} cannot be read or written: ${why}`,
    { facts: [error.message], hint, cause: error },
  );
};
