// A .zst file as an image, decoded by the installed zstd or by Node where its decoder can be trusted.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import { UserError } from "../report/user-error.ts";
import { checkImageSize, decodeAhead, gatherChunks } from "./archive-chunks.ts";
import { imageDamaged, MAX_IMAGE_SIZE, tooLarge } from "./archive-damage.ts";
import { closeStream } from "./archive-stream.ts";
import { DecodeFailure, toolPieces } from "./archive-tool.ts";
import { walkZstdFrames } from "./archive-zstd-frames.ts";
import type { ImageReader } from "./reader.ts";

/** Node 22 takes a frame that is cut off for a whole one: https://github.com/nodejs/node/issues/64592 */
const FIRST_TRUSTED_NODE = 24;

const nodeDecoder = (): Duplex | undefined => {
  const major = Number(process.versions.node.split(".")[0]);
  return major >= FIRST_TRUSTED_NODE &&
    "createZstdDecompress" in zlib &&
    typeof zlib.createZstdDecompress === "function"
    ? zlib.createZstdDecompress()
    : undefined;
};

async function* nodePieces(
  path: string,
  decoder: Duplex,
): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  file.on("error", (error) => decoder.destroy(error));
  file.pipe(decoder);
  try {
    for await (const piece of decoder) {
      yield piece as Buffer;
    }
  } catch (error) {
    throw error instanceof Error && "code" in error && !("syscall" in error)
      ? new DecodeFailure(error.message)
      : error;
  } finally {
    decoder.destroy();
    await closeStream(file);
  }
}

async function* zstdPieces(path: string): AsyncGenerator<Uint8Array> {
  const tool = toolPieces(path, {
    tool: "zstd",
    args: ["--decompress", "--stdout", "--quiet"],
    package: "zstd",
  });
  try {
    yield* tool;
  } catch (error) {
    const missing = error instanceof UserError && error.code === "TOOL_MISSING";
    const decoder = missing ? nodeDecoder() : undefined;
    if (decoder === undefined) {
      throw error;
    }
    yield* nodePieces(path, decoder);
  }
}

async function* checkedPieces(path: string): AsyncGenerator<Uint8Array> {
  let done = 0;
  try {
    for await (const piece of zstdPieces(path)) {
      done += piece.length;
      yield piece;
    }
  } catch (error) {
    throw error instanceof DecodeFailure
      ? imageDamaged(
          path,
          `its .zst data cannot be decoded behind byte ${done} of the image`,
          [error.message],
          error,
        )
      : error;
  }
}

export const openZstd = async (path: string): Promise<ImageReader> => {
  const file = await open(path, "r");
  let size: number | undefined;
  try {
    const stat = await file.stat();
    size = walkZstdFrames({ path, fd: file.fd, size: stat.size });
  } finally {
    await file.close();
  }
  if (size !== undefined) {
    if (size > MAX_IMAGE_SIZE) {
      throw tooLarge(path);
    }
    checkImageSize(path, size);
  }
  return {
    path,
    format: "zstd",
    size,
    source: undefined,
    chunks: () => decodeAhead(gatherChunks(path, checkedPieces(path), size)),
    close: async () => undefined,
  };
};
