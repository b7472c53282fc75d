// An .xz file as an image: random access and parallel decoding where it has several blocks of a sane size.
import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../../../report/user-error.ts";
import { checkImageSize, decodeAhead, gatherChunks } from "../chunks.ts";
import { imageDamaged } from "../damage.ts";
import { hasBytes } from "../stream.ts";
import { DecodeFailure, toolPieces } from "../decoder-tool.ts";
import type { Range } from "../../range.ts";
import type { Chunk, ImageReader } from "../../reader.ts";
import { builtInPieces } from "./xz-built-in.ts";
import {
  type DecodingPlan,
  planDecoding,
  type XzArchive,
  xzChunks,
} from "./xz-chunks.ts";
import { hasXz } from "./xz-decoder.ts";
import { readXzIndex } from "./xz-index.ts";
import { XZ_ARGUMENTS } from "./xz-lane.ts";
import { blockAt, blockName, cutRun, wrapRun } from "./xz-run.ts";
import { MAX_SOURCE_BLOCK, type XzSource, xzSource } from "./xz-source.ts";

const SHA256_CHECK = 10;

/** Pieces from one decoder; a failure names the block that it happened in. */
async function* streamedPieces(
  archive: XzArchive,
  installed: boolean,
): AsyncGenerator<Uint8Array> {
  const { path, file, index } = archive;
  const pieces = installed
    ? toolPieces(path, {
        tool: "xz",
        args: XZ_ARGUMENTS,
        package: "xz-utils",
        length: archive.length,
      })
    : builtInPieces(
        file,
        cutRun(index, { first: 0, end: index.blocks }, index.size).flatMap(
          (run) => wrapRun(index, run),
        ),
      );
  let done = 0;
  try {
    for await (const piece of pieces) {
      done += piece.length;
      yield piece;
    }
  } catch (error) {
    if (!(error instanceof DecodeFailure)) {
      throw error;
    }
    // The decoder gives what it has before it fails, so at a block's end either block may be the bad one.
    const before = blockAt(index, Math.max(done - 1, 0));
    const after = blockAt(index, Math.min(done, index.size - 1));
    throw imageDamaged(
      path,
      before === after
        ? `${blockName(index, before)} cannot be decoded`
        : `${blockName(index, before)} or the block after it cannot be decoded`,
      [error.message],
      error,
    );
  }
}

async function* streamedChunks(archive: XzArchive): AsyncGenerator<Chunk> {
  yield* gatherChunks(
    archive.path,
    streamedPieces(archive, await hasXz()),
    archive.index.size,
  );
}

async function* parallelChunks(
  archive: XzArchive,
  source: XzSource | undefined,
  ranges: readonly Range[] | undefined,
  plan: DecodingPlan,
): AsyncGenerator<Chunk> {
  await source?.rest();
  yield* xzChunks(archive, ranges, plan);
}

/** What follows the last stream: nothing, or zeros that xz accepts as padding; zeros that it does not accept; or other bytes. */
const restOf = async (
  file: FileHandle,
  from: number,
  size: number,
): Promise<"padding" | "zeros" | "other bytes"> => {
  return (await hasBytes(file, from))
    ? "other bytes"
    : (size - from) % 4 === 0
      ? "padding"
      : "zeros";
};

/** Opens an .xz file; its indexes are read and checked, nothing is decoded yet. */
export const openXz = async (path: string): Promise<ImageReader> => {
  const file = await open(path, "r");
  try {
    const index = await readXzIndex(path, file);
    checkImageSize(path, index.size);
    if (index.check.includes(SHA256_CHECK) && !(await hasXz())) {
      throw new UserError(
        "TOOL_MISSING",
        `${path} carries SHA-256 checks, which only the xz program can verify, and xz is not installed`,
        {
          state: "nothing was written",
          hint: "install it, for example: sudo apt-get install xz-utils",
        },
      );
    }
    const { size } = await file.stat();
    // xz itself skips padding, in multiples of 4 bytes.
    const rest = await restOf(file, index.end, size);
    const length = rest === "padding" ? undefined : index.end;
    const archive: XzArchive = { path, file, index, length };
    const plan = index.blocks > 1 ? planDecoding(index.largest) : undefined;
    const source =
      index.blocks > 1 && index.largest <= MAX_SOURCE_BLOCK
        ? xzSource(archive)
        : undefined;
    return {
      path,
      format: "xz",
      size: index.size,
      source,
      chunks: (ranges) =>
        decodeAhead(
          plan === undefined
            ? streamedChunks(archive)
            : parallelChunks(archive, source, ranges, plan),
        ),
      remarks: () =>
        rest === "other bytes"
          ? [
              `bytes that are not .xz data follow the image at byte ${index.end} of the file; they are left out`,
            ]
          : [],
      close: async () => {
        await source?.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
