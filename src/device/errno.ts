// Error codes of the operating system, from whatever was thrown.

/** Linux; libuv has no name for it. */
const ENOMEDIUM = -123;

/** Such as "EIO"; undefined when the error does not come from the operating system. */
export const errnoCode = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) {
    return undefined;
  }
  if ("errno" in error && error.errno === ENOMEDIUM) {
    return "ENOMEDIUM";
  }
  return "code" in error &&
    typeof error.code === "string" &&
    /^E[A-Z0-9]+$/.test(error.code)
    ? error.code
    : undefined;
};
