// Ends the use of a file stream for certain.
import type { ReadStream } from "node:fs";

/** Closes the stream's file, read to its end or not; done when the descriptor is free. */
export const closeStream = (stream: ReadStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) {
      resolve();
      return;
    }
    stream.once("close", () => resolve());
    stream.destroy();
  });
