// A .gz file, of one member or several, as an image.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "../report/user-error.ts";
import { decodeAhead, gatherChunks } from "./archive-chunks.ts";
import { imageDamaged } from "./archive-damage.ts";
import { closeStream } from "./archive-stream.ts";
import { gzipSize } from "./gzip-size.ts";
import type { ImageReader } from "./reader.ts";

const READ_SIZE = 1024 * 1024;

/** Zeros may follow the last member (gzip takes them for a tape's padding); anything else is damage. */
const checkRest = async (path: string, from: number): Promise<void> => {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(READ_SIZE);
    for (let position = from; ;) {
      const { bytesRead } = await file.read(buffer, 0, READ_SIZE, position);
      if (bytesRead === 0) {
        return;
      }
      if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) {
        throw imageDamaged(
          path,
          `something that is no .gz data follows at byte ${position}`,
        );
      }
      position += bytesRead;
    }
  } finally {
    await file.close();
  }
};

/** zlib checks length and CRC-32 of each member; https://www.rfc-editor.org/rfc/rfc1952 */
async function* gzipPieces(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: READ_SIZE });
  const gunzip = createGunzip({ chunkSize: READ_SIZE });
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const piece of gunzip) {
      yield piece as Buffer;
    }
    await checkRest(path, gunzip.bytesWritten);
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      String(error.code).startsWith("Z_")
    ) {
      throw imageDamaged(
        path,
        `its .gz data cannot be decoded behind byte ${gunzip.bytesWritten} of the file`,
        [error.message],
        error,
      );
    }
    throw error;
  } finally {
    gunzip.destroy();
    await closeStream(file);
  }
}

/** The first bytes of the image; none when they cannot be decoded, which `chunks` will tell. */
const firstPiece = async (path: string): Promise<Uint8Array> => {
  try {
    for await (const piece of gzipPieces(path)) {
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
  const size = await gzipSize(path, await firstPiece(path));
  return {
    path,
    format: "gzip",
    size,
    source: undefined,
    chunks: () => decodeAhead(gatherChunks(path, gzipPieces(path), size)),
    close: async () => undefined,
  };
};
