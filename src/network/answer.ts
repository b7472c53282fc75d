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

/** Why an answer that is not the file is of no use. */
export const statusFailure = (
  answer: IncomingMessage,
  shown: string,
): NetworkFailure => {
  const status = answer.statusCode ?? 0;
  const again = status >= 500 || LATER.has(status);
  return new NetworkFailure(
    again ? "broken" : "refused",
    status === 404 || status === 410
      ? `${shown} does not exist (status ${status})`
      : `the server answers ${shown} with status ${status}`,
    {
      retryAfter: retryAfter(answer),
      challenge:
        status === 401 ? answer.headers["www-authenticate"] : undefined,
    },
  );
};

/** Endings of packed files; many servers declare the packing as the "encoding" of a file without that ending. */
const PACKED = /\.(?:xz|gz|tgz|bz2|zst|zip|gpg)$/i;

/**
 * Refuses web pages, because networks send login and error pages with status 200, and encodings, because none was asked for.
 * For a file whose name says that it is packed, the header only describes that packing, and the bytes as sent are the file.
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

/** The number of bytes that follow; undefined where the server does not say. */
export const contentLength = (answer: IncomingMessage): number | undefined => {
  const length = answer.headers["content-length"];
  return length !== undefined && /^\d{1,15}$/.test(length)
    ? Number(length)
    : undefined;
};
