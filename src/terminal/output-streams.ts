// What happens when the output goes nowhere: a reader that has closed its pipe, a terminal that was closed, a full disk.
import { UserError } from "../report/user-error.ts";
import { errnoWords } from "../system/errno-words.ts";

/** A reader that has gone (`| head -1`), and a terminal that was closed. */
const NOBODY_READS: ReadonlySet<unknown> = new Set([
  "EPIPE",
  "ECONNRESET",
  "EIO",
]);

let lost: string | undefined;

const gone = new AbortController();

/** Aborted when nobody reads what is printed on stdout, which shows only when a write fails. */
export const readerGone: AbortSignal = gone.signal;

/**
 * Writing a card does not stop because nobody reads the output any more: the command goes on to its end, and its exit
 * status tells how it ended. Records that could not be written to a file are a failure.
 */
export const watchOutputs = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (stream !== process.stdout) {
        return;
      }
      if (NOBODY_READS.has(error.code)) {
        gone.abort();
      } else {
        lost ??= error.code ?? error.message;
      }
    });
  }
};

/** The failure of a command that is done, and whose result could not be printed. */
export const outputFailure = (): UserError | undefined => {
  if (lost === undefined) {
    return undefined;
  }
  const words = errnoWords(lost);
  return new UserError(
    "FILE_UNUSABLE",
    `the output could not be written: ${words?.why ?? lost}`,
    {
      state: "the command itself is done",
      hint: words?.hint,
    },
  );
};
