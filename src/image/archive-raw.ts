// A raw image in a regular file, as an image.
import { CHUNK_SIZE, checkImageSize, decodeAhead } from "./archive-chunks.ts";
import { imageDamaged } from "./archive-damage.ts";
import { type Range, rangeEnd } from "./range.ts";
import type { Chunk, ImageReader } from "./reader.ts";
import { openFileSource, type Source } from "./source.ts";

async function* rawChunks(
  path: string,
  source: Source,
  ranges: readonly Range[],
): AsyncGenerator<Chunk> {
  for (const range of ranges) {
    for (
      let offset = range.offset;
      offset < rangeEnd(range);
      offset += CHUNK_SIZE
    ) {
      const length = Math.min(CHUNK_SIZE, rangeEnd(range) - offset);
      const data = await source.read(offset, length).catch((error: unknown) => {
        throw error instanceof RangeError
          ? imageDamaged(path, "it became shorter while it was read")
          : error;
      });
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
