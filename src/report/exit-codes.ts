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
