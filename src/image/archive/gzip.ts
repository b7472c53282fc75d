// A .gz file, of one member or several, as an image.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { errorCode } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { decodeAhead, gatherChunks } from "./chunks.ts";
import { imageDamaged } from "./damage.ts";
import { closeStream, hasBytesBehind } from "./stream.ts";
import { gzipEnd } from "./gzip-end.ts";
import { gzipSize } from "./gzip-size.ts";
import type { ImageReader } from "../reader.ts";

const READ_SIZE = 1024 * 1024;

/** What is known of the file's end; shared by all who decode it. */
type End = {
  /** Where the last member ends, once something was found after it that zlib takes for a damaged one. */
  last?: number;
};

const zlibCode = (error: unknown): string | undefined =>
  error instanceof Error && errorCode(error)?.startsWith("Z_") === true
    ? error.message
    : undefined;

const damaged = (path: string, behind: number, cause: unknown) =>
  imageDamaged(
    path,
    `its .gz data cannot be decoded beyond byte ${behind} of the file`,
    [zlibCode(cause) ?? ""],
    cause,
  );

/** zlib checks length and CRC-32 of each member; https://www.rfc-editor.org/rfc/rfc1952 */
async function* memberPieces(
  path: string,
  last: number | undefined,
  ended: (position: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, {
    highWaterMark: READ_SIZE,
    ...(last === undefined ? {} : { end: last - 1 }),
  });
  const gunzip = createGunzip({ chunkSize: READ_SIZE });
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const piece of gunzip) {
      yield piece as Buffer;
    }
    ended(gunzip.bytesWritten);
  } catch (error) {
    throw zlibCode(error) === undefined
      ? error
      : damaged(path, gunzip.bytesWritten, error);
  } finally {
    gunzip.destroy();
    await closeStream(file);
  }
}

/** Where the last member ends, if the failure came from what follows it; otherwise throws the failure. */
const endBehind = async (path: string, failure: unknown): Promise<number> => {
  const cause = failure instanceof UserError ? failure.cause : undefined;
  if (zlibCode(cause) !== "incorrect header check") {
    throw failure;
  }
  const end = await gzipEnd(path).catch((error: unknown) => {
    throw zlibCode(error) === undefined ? error : failure;
  });
  if (end === undefined) {
    throw failure;
  }
  return end;
};

async function* gzipPieces(path: string, end: End): AsyncGenerator<Uint8Array> {
  let done = 0;
  let stopped = 0;
  const ended = (position: number) => {
    stopped = position;
  };
  try {
    for await (const piece of memberPieces(path, end.last, ended)) {
      done += piece.length;
      yield piece;
    }
    // gzip takes zeros for a tape's padding, and zlib stops at the first one.
    if (end.last === undefined && (await hasBytesBehind(path, stopped))) {
      end.last = stopped;
    }
    return;
  } catch (error) {
    if (end.last !== undefined) {
      throw error;
    }
    end.last = await endBehind(path, error);
  }
  // When zlib fails it withholds what it has decoded last, so the image is decoded again, up to its end.
  let position = 0;
  for await (const piece of memberPieces(path, end.last, ended)) {
    const rest = piece.subarray(Math.max(done - position, 0));
    position += piece.length;
    if (rest.length > 0) {
      yield rest;
    }
  }
}

/** The first bytes of the image; none when they cannot be decoded, which `chunks` will report. */
const firstPiece = async (path: string, end: End): Promise<Uint8Array> => {
  try {
    for await (const piece of gzipPieces(path, end)) {
      return piece;
    }
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
  }
  return new Uint8Array(0);
};

export const openGzip = async (path: string): Promise<ImageReader> => {
  const end: End = {};
  const size = await gzipSize(path, await firstPiece(path, end));
  return {
    path,
    format: "gzip",
    size,
    source: undefined,
    chunks: () => decodeAhead(gatherChunks(path, gzipPieces(path, end), size)),
    remarks: () =>
      end.last === undefined
        ? []
        : [
            `bytes that are not .gz data follow the image at byte ${end.last} of the file; they are left out`,
          ],
    close: async () => undefined,
  };
};
