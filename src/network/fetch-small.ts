// Fetches a small file, such as a checksum list, into memory.
import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "../report/events.ts";
import { demandData, statusFailure } from "./answer.ts";
import { type HttpOptions, httpGet, shownUrl } from "./http-request.ts";
import { NetworkFailure, networkFailure } from "./network-failure.ts";

const TRIES = 3;
const PAUSE_MS = 500;

const fetchOnce = async (
  url: URL,
  limit: number,
  options: HttpOptions,
): Promise<Buffer> => {
  const shown = shownUrl(url);
  const answer = await httpGet(url, options);
  try {
    if (answer.statusCode !== 200) {
      throw statusFailure(answer, shown);
    }
    demandData(answer, shown);
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of answer) {
      const bytes = piece as Buffer;
      size += bytes.length;
      if (size > limit) {
        throw new NetworkFailure(
          "refused",
          `${shown} is larger than ${limit} bytes, so it is not what it should be`,
        );
      }
      pieces.push(bytes);
    }
    return Buffer.concat(pieces);
  } catch (error) {
    throw networkFailure(url.host, error);
  } finally {
    answer.destroy();
  }
};

/**
 * The bytes of `url`, at most `limit`. Tries again when a connection broke, but not when none came about; `report` is told of
 * a wait that the server asks for. Throws NetworkFailure.
 */
export const fetchSmall = async (
  url: URL,
  limit: number,
  options: HttpOptions & { readonly pause?: number; readonly report?: Report },
): Promise<Buffer> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetchOnce(url, limit, options);
    } catch (error) {
      if (
        attempt === TRIES ||
        !(error instanceof NetworkFailure) ||
        error.kind !== "broken"
      ) {
        throw error;
      }
      if (error.retryAfter !== undefined) {
        options.report?.({
          type: "notice",
          message: `${error.message}; trying again in ${error.retryAfter} s`,
        });
      }
      const pause =
        error.retryAfter === undefined
          ? (options.pause ?? PAUSE_MS) * attempt
          : error.retryAfter * 1000;
      await sleep(pause, undefined, { signal: options.signal });
    }
  }
};
