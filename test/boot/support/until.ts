// Waiting for something that a machine does in its own time.
import { setTimeout as sleep } from "node:timers/promises";

type Wait = {
  readonly seconds: number;
  /** Milliseconds between two looks. */
  readonly every?: number;
  /** Ends the wait at once when it has something to say, for example that the machine is dead. */
  readonly hopeless?: () => string | undefined;
  /** What stands in the way as far as can be seen: the one line that a failed test prints. */
  readonly where?: () => string | Promise<string>;
};

/** The first value that is not undefined; an error that names what did not happen when the time is over. */
export const until = async <T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  { seconds, every = 50, hopeless, where = () => "" }: Wait,
): Promise<T> => {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await look();
    if (value !== undefined) {
      return value;
    }
    const why =
      hopeless?.() ??
      (Date.now() > end ? `waited ${seconds} s for it` : undefined);
    if (why !== undefined) {
      const details = await where();
      throw new Error(
        `${what} did not happen: ${why}${details === "" ? "" : `; ${details}`}`,
      );
    }
    await sleep(every);
  }
};
