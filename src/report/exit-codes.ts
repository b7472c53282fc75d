// What each exit status of the program means; the numbers never change.

export const EXIT = {
  done: 0,
  failed: 1,
  wrongInput: 2,
  targetRefused: 3,
  untrusted: 4,
  notHeld: 5,
  bug: 70,
  cancelled: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: "done",
  failed: "an operation failed",
  wrongInput: "the user's files or arguments are wrong",
  targetRefused: "the target was refused",
  untrusted: "a checksum or signature does not match, or an image is damaged",
  notHeld: "the card did not hold what was written",
  bug: "a bug in pi-image",
  cancelled: "cancelled",
};
