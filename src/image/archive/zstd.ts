// A .zst file as an image, decoded by the installed zstd or by Node where its decoder can be trusted.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import { errorCode } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { checkImageSize, decodeAhead, gatherChunks } from "./chunks.ts";
import { MAX_IMAGE_SIZE, imageTooLarge } from "./damage.ts";
import { closeStream, hasBytes } from "./stream.ts";
import { damageTold, DecodeFailure, toolPieces } from "./decoder-tool.ts";
import { walkZstdFrames, type ZstdFrames } from "./zstd-frames.ts";
import type { ImageReader } from "../reader.ts";

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
  end: number,
): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { end: end - 1 });
  file.on("error", (error) => decoder.destroy(error));
  file.pipe(decoder);
  try {
    for await (const piece of decoder) {
      yield piece as Buffer;
    }
  } catch (error) {
    throw error instanceof Error &&
      errorCode(error) !== undefined &&
      !("syscall" in error)
      ? new DecodeFailure(error.message)
      : error;
  } finally {
    decoder.destroy();
    await closeStream(file);
  }
}

/** How much of the file to decode: up to `end`, which is all of it if `all` is true. */
type Part = { readonly end: number; readonly all: boolean };

async function* zstdPieces(
  path: string,
  { end, all }: Part,
): AsyncGenerator<Uint8Array> {
  const tool = toolPieces(path, {
    tool: "zstd",
    args: ["--decompress", "--stdout", "--quiet"],
    package: "zstd",
    length: all ? undefined : end,
  });
  try {
    yield* tool;
  } catch (error) {
    const missing = error instanceof UserError && error.code === "TOOL_MISSING";
    const decoder = missing ? nodeDecoder() : undefined;
    if (decoder === undefined) {
      throw error;
    }
    yield* nodePieces(path, decoder, end);
  }
}

export const openZstd = async (path: string): Promise<ImageReader> => {
  const file = await open(path, "r");
  let frames: ZstdFrames;
  let behind = false;
  let all: boolean;
  try {
    const stat = await file.stat();
    frames = walkZstdFrames({ path, fd: file.fd, size: stat.size });
    all = frames.end === stat.size;
    behind = await hasBytes(file, frames.end);
  } finally {
    await file.close();
  }
  const { size, end } = frames;
  if (size !== undefined) {
    if (size > MAX_IMAGE_SIZE) {
      throw imageTooLarge(path);
    }
    checkImageSize(path, size);
  }
  return {
    path,
    format: "zstd",
    size,
    source: undefined,
    chunks: () =>
      decodeAhead(
        gatherChunks(
          path,
          damageTold(path, ".zst", zstdPieces(path, { end, all })),
          size,
        ),
      ),
    remarks: () =>
      behind
        ? [
            `bytes that are not .zst data follow the image at byte ${end} of the file; they are left out`,
          ]
        : [],
    close: async () => undefined,
  };
};
