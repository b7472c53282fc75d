// Tells failures that were expected from all others: something that is there but unreadable must not count as absent.

/** Linux; libuv has no name for it. */
const ENOMEDIUM = -123;

/** The `code` of an error of the operating system or of Node, such as "EACCES". */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;

/** Such as "EACCES"; undefined for an error that does not come from the operating system. */
export const systemCode = (error: unknown): string | undefined => {
  if (error instanceof Error && "errno" in error && error.errno === ENOMEDIUM) {
    return "ENOMEDIUM";
  }
  const code = errorCode(error);
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
};

type Expected = string | (abstract new (...args: never[]) => Error);

/** What a system call says when a name, or a folder on the way to it, does not exist. */
export const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR"];

/**
 * The errors that PATH, /proc, /sys and /dev give where something is not for us, or has just gone (EINVAL: a file of /sys
 * whose device has gone). EIO is not one of them: a file that a bad disk cannot read is there all the same.
 */
export const NOT_FOR_US: readonly string[] = [
  ...ABSENT,
  "EACCES",
  "EPERM",
  "ELOOP",
  "ESRCH",
  "ENODEV",
  "ENXIO",
  "EINVAL",
];

/** `value` where the error has one of these codes or is of one of these classes; throws any other. */
export const ifOneOf = <T>(
  error: unknown,
  expected: readonly Expected[],
  value: T,
): T => {
  const code = errorCode(error) ?? "";
  if (
    expected.some((each) =>
      typeof each === "string" ? each === code : error instanceof each,
    )
  ) {
    return value;
  }
  throw error;
};

export const isAbsent = (error: unknown): boolean =>
  ABSENT.includes(errorCode(error) ?? "");

/** `value` where there is no such file or folder; throws any other error. */
export const ifAbsent = <T>(error: unknown, value: T): T =>
  ifOneOf(error, ABSENT, value);

/** `value` for whatever the operating system refuses, also where that is the cause of another error; throws a bug. */
export const ifSystem = <T>(error: unknown, value: T): T => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (systemCode(error) !== undefined || systemCode(cause) !== undefined) {
    return value;
  }
  throw error;
};
