// A .bz2 file, of one stream or several, as an image: decoded by the installed bzip2, or by a package that is several times slower.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import unbzip2Stream from "unbzip2-stream";
import { UserError } from "../../report/user-error.ts";
import { decodeAhead, gatherChunks } from "./chunks.ts";
import { closeStream } from "./stream.ts";
import { damageTold, DecodeFailure, toolPieces } from "./decoder-tool.ts";
import type { ImageReader } from "../reader.ts";

const READ_SIZE = 256 * 1024;

/** How either decoder says that no further stream begins where one has ended. */
const BEHIND = /trailing garbage|No magic number found/;

/** Called when bytes that are not .bz2 data follow the last stream. */
type Follows = () => void;

async function* packagePieces(
  path: string,
  follows: Follows,
): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: READ_SIZE });
  const decoder = unbzip2Stream();
  file.on("error", (error) => decoder.emit("error", error));
  // The package's stream is of an older kind than Node's own; `wrap` makes a new one of it.
  const decoded = new Readable().wrap(file.pipe(decoder));
  try {
    for await (const piece of decoded) {
      yield piece as Buffer;
    }
  } catch (error) {
    if (!(error instanceof Error) || "syscall" in error) {
      throw error;
    }
    if (!BEHIND.test(error.message)) {
      throw new DecodeFailure(error.message);
    }
    follows();
  } finally {
    decoded.destroy();
    await closeStream(file);
  }
}

async function* bzip2Pieces(
  path: string,
  follows: Follows,
): AsyncGenerator<Uint8Array> {
  try {
    yield* toolPieces(path, {
      tool: "bzip2",
      args: ["--decompress", "--stdout"],
      package: "bzip2",
      // bzip2 only warns about such bytes and ends with 0.
      said: (words) => {
        if (BEHIND.test(words)) {
          follows();
        }
      },
    });
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== "TOOL_MISSING") {
      throw error;
    }
    yield* packagePieces(path, follows);
  }
}

/** Opens a .bz2 file, which tells neither its size nor where its streams begin; each block and stream has a CRC-32. */
export const openBzip2 = async (path: string): Promise<ImageReader> => {
  let more = false;
  const follows = () => {
    more = true;
  };
  return {
    path,
    format: "bzip2",
    size: undefined,
    source: undefined,
    chunks: () =>
      decodeAhead(
        gatherChunks(
          path,
          damageTold(path, ".bz2", bzip2Pieces(path, follows)),
          undefined,
        ),
      ),
    remarks: () =>
      more
        ? ["bytes that are not .bz2 data follow the image; they are left out"]
        : [],
    close: async () => undefined,
  };
};
