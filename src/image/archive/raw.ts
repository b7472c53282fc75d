// A raw image in a regular file, as an image.
import { CHUNK_SIZE, checkImageSize, decodeAhead } from "./chunks.ts";
import { imageDamaged } from "./damage.ts";
import { type Range, rangeEnd } from "../range.ts";
import type { Chunk, ImageReader } from "../reader.ts";
import { type FileSource, openFileSource } from "../source.ts";

/** Two buffers take turns, so a chunk stays as it is while the next one is read (see `decodeAhead`). */
async function* rawChunks(
  path: string,
  source: FileSource,
  ranges: readonly Range[],
): AsyncGenerator<Chunk> {
  const buffers = [
    Buffer.allocUnsafeSlow(CHUNK_SIZE),
    Buffer.allocUnsafeSlow(CHUNK_SIZE),
  ] as const;
  let turn: 0 | 1 = 0;
  for (const range of ranges) {
    for (
      let offset = range.offset;
      offset < rangeEnd(range);
      offset += CHUNK_SIZE
    ) {
      const length = Math.min(CHUNK_SIZE, rangeEnd(range) - offset);
      const data = buffers[turn].subarray(0, length);
      turn = turn === 0 ? 1 : 0;
      try {
        await source.fill(data, offset);
      } catch (error) {
        throw error instanceof RangeError
          ? imageDamaged(path, "it became shorter while it was read")
          : error;
      }
      yield { offset, data };
    }
  }
}

export const openRaw = async (path: string): Promise<ImageReader> => {
  const source = await openFileSource(path);
  try {
    checkImageSize(path, source.size);
  } catch (error) {
    await source.close();
    throw error;
  }
  return {
    path,
    format: "raw",
    size: source.size,
    source,
    chunks: (ranges = [{ offset: 0, length: source.size }]) =>
      decodeAhead(rawChunks(path, source, ranges)),
    close: source.close,
  };
};
