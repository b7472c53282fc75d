// A file on a server of which only the wanted parts are fetched, each to its own place in a sparse file.
import type { IncomingMessage } from "node:http";
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Range, rangeEnd } from "../image/range.ts";
import { removeStalePartials, temporaryName } from "../system/atomic-file.ts";
import { writeAt } from "../system/exact-io.ts";
import { demandData, statusFailure } from "../network/answer.ts";
import { cachePath } from "../network/cache.ts";
import {
  type ContentRange,
  parseContentRange,
} from "../network/content-range.ts";
import type { DownloadOptions } from "../network/download.ts";
import { httpGet, shownUrl } from "../network/http-request.ts";
import { NetworkFailure, networkFailure } from "../network/network-failure.ts";

/** The least that is asked for at a time, because a request costs more than transferring this much data. */
const PIECE = 128 * 1024;
/** Beyond any image. */
const MAX_SIZE = 2 ** 38;

export type RemoteParts = {
  /** The sparse file, which has the size of the whole file. */
  readonly path: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** Fetches these bytes; a range may go beyond the end. Throws NetworkFailure. */
  readonly demand: (range: Range) => Promise<void>;
  /** How many bytes were fetched. */
  readonly fetched: () => number;
  /** Removes the file. */
  readonly close: () => Promise<void>;
};

const liar = (url: URL): NetworkFailure =>
  new NetworkFailure(
    "refused",
    `the server does not send parts of ${shownUrl(url)} as asked for`,
  );

const validatorOf = ({ headers }: IncomingMessage): string =>
  headers.etag ?? headers["last-modified"] ?? "";

type Part = {
  readonly place: ContentRange;
  readonly validator: string;
  readonly data: Buffer;
};

/** The bytes of one answer; exactly as many as its head says. */
const readBody = async (
  url: URL,
  answer: IncomingMessage,
  length: number,
): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of answer) {
      const bytes = piece as Buffer;
      size += bytes.length;
      if (size > length) {
        throw liar(url);
      }
      pieces.push(bytes);
    }
  } catch (error) {
    throw networkFailure(url.host, error);
  }
  if (size < length) {
    throw new NetworkFailure(
      "broken",
      `only ${size} of ${length} bytes of a part of ${shownUrl(url)} arrived`,
    );
  }
  return Buffer.concat(pieces);
};

/** @param wanted as in the header: "0-99", or "-100" for the last hundred bytes */
const fetchPart = async (
  url: URL,
  wanted: string,
  most: number,
  options: DownloadOptions,
): Promise<Part> => {
  const answer = await httpGet(url, {
    ...options,
    headers: { range: `bytes=${wanted}` },
  });
  try {
    if (answer.statusCode === 200) {
      throw liar(url);
    }
    if (answer.statusCode !== 206) {
      throw statusFailure(answer, shownUrl(url));
    }
    demandData(answer, shownUrl(url));
    const place = parseContentRange(answer);
    const length = place === undefined ? 0 : place.end + 1 - place.start;
    if (place === undefined || length <= 0 || length > most) {
      throw liar(url);
    }
    return {
      place,
      validator: validatorOf(answer),
      data: await readBody(url, answer, length),
    };
  } finally {
    answer.destroy();
  }
};

/**
 * Asks for the end of the file first, which shows whether the server can send parts. Throws NetworkFailure.
 *
 * @param name of the sparse file in the cache
 */
export const openRemoteParts = async (
  url: URL,
  name: string,
  options: DownloadOptions,
): Promise<RemoteParts> => {
  const last = await fetchPart(url, `-${PIECE}`, PIECE, options);
  const { total } = last.place;
  if (total > MAX_SIZE || last.place.end !== total - 1) {
    throw liar(url);
  }
  const path = temporaryName(
    await cachePath(options.env, "downloads", `${name}.parts`),
  );
  await removeStalePartials(dirname(path));
  const file = await open(path, "wx");
  const close = async (): Promise<void> => {
    await file.close();
    await rm(path, { force: true });
  };
  let fetched = last.data.length;
  const bring = async (start: number, end: number): Promise<void> => {
    const { place, validator, data } = await fetchPart(
      url,
      `${start}-${end - 1}`,
      end - start,
      options,
    );
    if (
      place.start !== start ||
      place.end !== end - 1 ||
      place.total !== total ||
      validator !== last.validator
    ) {
      throw liar(url);
    }
    await writeAt(file, data, start);
    fetched += data.length;
  };
  try {
    await file.truncate(total);
    await writeAt(file, last.data, last.place.start);
  } catch (error) {
    await close();
    throw error;
  }
  const pieces = new Map<number, Promise<void>>();
  const demand = async (range: Range): Promise<void> => {
    const end = Math.min(rangeEnd(range), last.place.start);
    const needed: Promise<void>[] = [];
    let missing: number | undefined;
    const flush = (until: number): void => {
      if (missing === undefined) {
        return;
      }
      const start = missing * PIECE;
      const coming = bring(start, Math.min(until * PIECE, last.place.start));
      for (let piece = missing; piece < until; piece += 1) {
        pieces.set(piece, coming);
      }
      needed.push(coming);
      missing = undefined;
    };
    const first = Math.floor(range.offset / PIECE);
    const beyond = Math.ceil(end / PIECE);
    for (let piece = first; piece < beyond; piece += 1) {
      const coming = pieces.get(piece);
      if (coming === undefined) {
        missing ??= piece;
      } else {
        flush(piece);
        needed.push(coming);
      }
    }
    flush(beyond);
    await Promise.all(needed);
  };
  return { path, size: total, demand, fetched: () => fetched, close };
};
