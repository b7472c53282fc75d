// Judges the status and headers of an answer, before any byte of it is used.
import type { IncomingMessage } from "node:http";
import { NetworkFailure } from "./network-failure.ts";

/** Statuses that say "not now": timeout, too early, too many requests. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

const LONGEST_WAIT = 60;

const retryAfter = (answer: IncomingMessage): number | undefined => {
  const seconds = Number(answer.headers["retry-after"]);
  return Number.isInteger(seconds) && seconds >= 0
    ? Math.min(seconds, LONGEST_WAIT)
    : undefined;
};

/** Why an answer without the file is no use. */
export const statusFailure = (
  answer: IncomingMessage,
  shown: string,
): NetworkFailure => {
  const status = answer.statusCode ?? 0;
  const again = status >= 500 || LATER.has(status);
  const seconds = retryAfter(answer);
  return new NetworkFailure(
    again ? "broken" : "refused",
    status === 404 || status === 410
      ? `${shown} does not exist (status ${status})`
      : `the server answers ${shown} with status ${status}`,
    seconds === undefined ? {} : { retryAfter: seconds },
  );
};

/** Files that are packed by their name; servers send many of them as the "encoding" of a file without that ending. */
const PACKED = /\.(?:xz|gz|tgz|bz2|zst|zip|gpg)$/i;

/**
 * Login pages and error pages of networks come with status 200. An encoding was not asked for; of a file that is packed by its
 * name, the header is about that packing, and the bytes as they are sent are the file.
 */
export const demandData = (answer: IncomingMessage, shown: string): void => {
  const type = answer.headers["content-type"] ?? "";
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (/^\s*(text\/html|application\/xhtml)/i.test(type)) {
    throw new NetworkFailure(
      "refused",
      `${shown} is answered with a web page instead of the file, as networks that require a login do`,
    );
  }
  if (encoding !== "identity" && !PACKED.test(shown)) {
    throw new NetworkFailure(
      "refused",
      `${shown} is sent with the encoding ${encoding}, which pi-image did not ask for`,
    );
  }
};

/** The bytes that follow, where the server says; undefined where it does not. */
export const contentLength = (answer: IncomingMessage): number | undefined => {
  const length = answer.headers["content-length"];
  return length !== undefined && /^\d{1,15}$/.test(length)
    ? Number(length)
    : undefined;
};
