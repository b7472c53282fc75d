// Tells what the operating system refuses: a file that may not be written, a full disk. None of it is our bug.
import { UserError } from "../report/user-error.ts";
import { errnoWords } from "../system/errno-words.ts";

/** The hidden name of a file in the making means nothing to the user. */
const finalName = (path: string): string =>
  path.replace(/(^|\/)\.([^/]+)\.\d+-[0-9a-f]{12}\.partial$/, "$1$2");

/** Anything that a system call said, such as ENOTSUP: there are more codes than words. */
const isFromSystem = (error: Error): boolean =>
  "syscall" in error && "errno" in error && "code" in error;

/** undefined for what may well be a bug. */
export const explainSystemFailure = (error: unknown): UserError | undefined => {
  if (!(error instanceof Error) || !("code" in error)) {
    return undefined;
  }
  const words = errnoWords(error.code);
  if (words === undefined && !isFromSystem(error)) {
    return undefined;
  }
  const path =
    "path" in error && typeof error.path === "string"
      ? finalName(error.path)
      : "a file";
  return new UserError(
    "FILE_UNUSABLE",
    `${path === "" ? "a file without a name" : path} cannot be read or written: ${words?.why ?? `the system says ${String(error.code)}`}`,
    {
      facts: [error.message],
      hint:
        words?.hint ??
        "look at the kernel's messages (sudo dmesg), and run the command again",
      cause: error,
    },
  );
};
