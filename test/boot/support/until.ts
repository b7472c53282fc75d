// Waiting for something that a machine does in its own time.
import { setTimeout as sleep } from "node:timers/promises";

type Wait = {
  readonly seconds: number;
  /** Milliseconds between two looks. */
  readonly every?: number;
  /** Ends the wait at once when it has something to say, for example that the machine is dead. */
  readonly hopeless?: () => string | undefined;
};

/** The first value that is not undefined; an error that names what did not happen when the time is over. */
export const until = async <T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  { seconds, every = 50, hopeless }: Wait,
): Promise<T> => {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await look();
    if (value !== undefined) {
      return value;
    }
    const why = hopeless?.();
    if (why !== undefined) {
      throw new Error(`${what} did not happen: ${why}`);
    }
    if (Date.now() > end) {
      throw new Error(`${what} did not happen within ${seconds} s`);
    }
    await sleep(every);
  }
};
