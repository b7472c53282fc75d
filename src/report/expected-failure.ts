// Tells a failure that was expected from all others: what is there but unreadable must not pass for absent.

/** Such as "EACCES"; undefined for an error that does not come from the operating system. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  /^E[A-Z0-9]+$/.test(error.code)
    ? error.code
    : undefined;

/** What a system call says when a name, or a folder on the way to it, does not exist. */
const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR"];

export const isAbsent = (error: unknown): boolean =>
  ABSENT.includes(systemCode(error) ?? "");

/** `value` where there is no such file or folder; throws any other error. */
export const ifAbsent = <T>(error: unknown, value: T): T => {
  if (isAbsent(error)) {
    return value;
  }
  throw error;
};
