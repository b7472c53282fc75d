// Downloads a file so that an interruption loses nothing that was received: resumes within a run and across runs.
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { explainNoRoom, LARGER_CACHE } from "../system/disk-full.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import { contentLength, demandData, statusFailure } from "./answer.ts";
import { parseContentRange } from "./content-range.ts";
import { decodePercent } from "./decode-percent.ts";
import { type HttpOptions, httpGet, shownUrl } from "./http-request.ts";
import { NetworkFailure, networkFailure } from "./network-failure.ts";
import {
  openPartialFile,
  type Origin,
  type PartialFile,
} from "./partial-file.ts";

/** How many failures in a row, without a single new byte, end the download. */
const TRIES = 5;
const FIRST_PAUSE_MS = 1000;
/** Larger than any image, so that a server that never stops sending does not fill the disk. */
const MAX_SIZE = 2 ** 38;

export type DownloadOptions = HttpOptions & {
  readonly report: Report;
  /** Bytes that the file has at most, where that is known; a larger one cannot be it. */
  readonly limit?: number | undefined;
  /** Milliseconds before the second try; doubled for each one after it. */
  readonly pause?: number;
};

/** A weak ETag says "as good as", not "the same bytes". https://www.rfc-editor.org/rfc/rfc9110#name-if-range */
const validatorOf = (answer: IncomingMessage): string | null => {
  const { etag } = answer.headers;
  return etag !== undefined && !etag.startsWith("W/")
    ? etag
    : (answer.headers["last-modified"] ?? null);
};

/** Whether the answer continues exactly where the received bytes end, and is about the same file. */
const continues = (answer: IncomingMessage, partial: PartialFile): boolean => {
  const range = parseContentRange(answer);
  const origin = partial.origin();
  return (
    range !== undefined &&
    origin !== undefined &&
    range.start === partial.size() &&
    range.end === range.total - 1 &&
    range.total === origin.total &&
    (validatorOf(answer) ?? origin.validator) === origin.validator
  );
};

const NO_ORIGIN: Origin = { address: "", validator: null, total: null };

const addressOf = (url: URL): string =>
  createHash("sha256").update(url.href).digest("hex");

const tooLarge = (url: URL, limit: number): UserError =>
  new UserError(
    "CHECKSUM_MISMATCH",
    `${shownUrl(url)} has more than the ${limit} bytes that it should have`,
    { state: "nothing was kept" },
  );

/** Decides by the answer's headers where its bytes belong. */
const accept = async (
  url: URL,
  answer: IncomingMessage,
  partial: PartialFile,
  { limit }: DownloadOptions,
): Promise<void> => {
  const shown = shownUrl(url);
  if (answer.statusCode === 206 && continues(answer, partial)) {
    demandData(answer, shown);
    return;
  }
  if (answer.statusCode === 206 || answer.statusCode === 416) {
    // The file has changed, or the server sends something else than it says: begin again, without asking for a part.
    await partial.restart(NO_ORIGIN);
    throw new NetworkFailure(
      "broken",
      `the server sends a different part of ${shown} than was asked for`,
    );
  }
  if (answer.statusCode !== 200) {
    throw statusFailure(answer, shown);
  }
  demandData(answer, shown);
  const total = contentLength(answer);
  if (limit !== undefined && (total ?? 0) > limit) {
    throw tooLarge(url, limit);
  }
  await partial.restart({
    address: addressOf(url),
    validator: validatorOf(answer),
    total: total ?? null,
  });
};

/** The body; an error in it is the network's, not this computer's. */
async function* bodyOf(
  url: URL,
  answer: IncomingMessage,
): AsyncGenerator<Buffer> {
  try {
    for await (const piece of answer) {
      yield piece as Buffer;
    }
  } catch (error) {
    throw networkFailure(url.host, error);
  }
}

const receive = async (
  url: URL,
  answer: IncomingMessage,
  partial: PartialFile,
  { report, limit }: DownloadOptions,
): Promise<void> => {
  const phase = "download";
  const subject = decodePercent(basename(url.pathname));
  const total = partial.origin()?.total ?? undefined;
  report({ type: "phase", phase, subject, total });
  for await (const bytes of bodyOf(url, answer)) {
    if (partial.size() + bytes.length > (total ?? limit ?? MAX_SIZE)) {
      throw total === undefined && limit !== undefined
        ? tooLarge(url, limit)
        : new NetworkFailure(
            "refused",
            `the server sends more bytes of ${shownUrl(url)} than it said`,
          );
    }
    await partial.append(bytes);
    report({ type: "progress", phase, subject, done: partial.size(), total });
  }
  if (total !== undefined && partial.size() < total) {
    throw new NetworkFailure(
      "broken",
      `only ${partial.size()} of ${total} bytes of ${shownUrl(url)} arrived`,
    );
  }
};

const isComplete = (partial: PartialFile): boolean => {
  const total = partial.origin()?.total ?? undefined;
  return total !== undefined && partial.size() === total;
};

const attempt = async (
  url: URL,
  partial: PartialFile,
  options: DownloadOptions,
): Promise<void> => {
  const origin = partial.origin();
  const resume =
    origin?.address === addressOf(url) &&
    origin.validator !== null &&
    partial.size() > 0;
  if (resume && isComplete(partial)) {
    return;
  }
  const answer = await httpGet(url, {
    ...options,
    headers: {
      ...options.headers,
      ...(resume && {
        range: `bytes=${partial.size()}-`,
        "if-range": origin.validator ?? "",
      }),
    },
  });
  try {
    await accept(url, answer, partial, options);
    await receive(url, answer, partial, options);
  } finally {
    answer.destroy();
  }
};

const cannotStore = (path: string, error: unknown): unknown =>
  explainNoRoom(error, path, {
    state: "the partial download is kept; the next run resumes it",
    hint: LARGER_CACHE,
  });

export type Downloaded = {
  /** The digest of the whole file, in hex. */
  readonly sha256: string;
  /** Whether it was put together from several answers; if it turns out wrong, a single answer may still be right. */
  readonly resumed: boolean;
};

/**
 * Downloads `url` into the partial file at `path`, which survives a failure and is continued by the next call. Throws
 * NetworkFailure when the server cannot be reached or gives up, CHECKSUM_MISMATCH for a file beyond its limit, and DISK_FULL.
 */
export const download = async (
  url: URL,
  path: string,
  options: DownloadOptions,
): Promise<Downloaded> => {
  const partial = await openPartialFile(path, options.signal);
  let failures = 0;
  let resumed = false;
  // Only bytes beyond the most received so far count as new: a server may make us begin again and again.
  let most = partial.size();
  try {
    for (;;) {
      const before = partial.size();
      resumed ||= before > 0;
      try {
        await attempt(url, partial, options);
        return { sha256: await partial.finish(), resumed };
      } catch (error) {
        failures = partial.size() > most ? 1 : failures + 1;
        most = Math.max(most, partial.size());
        if (
          !(error instanceof NetworkFailure) ||
          error.kind !== "broken" ||
          failures === TRIES
        ) {
          throw cannotStore(path, error);
        }
        const pause =
          error.retryAfter === undefined
            ? (options.pause ?? FIRST_PAUSE_MS) * 2 ** (failures - 1)
            : error.retryAfter * 1000;
        options.report({
          type: "notice",
          message: `${error.message}; trying again in ${Math.ceil(pause / 1000)} s`,
        });
        await sleep(pause, undefined, { signal: options.signal });
      }
    }
  } finally {
    await partial.close();
  }
};
