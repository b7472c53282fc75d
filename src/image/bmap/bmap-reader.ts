// An image whose bytes are compared with its block map while they are read.
import { bmapCheck } from "./check-bmap.ts";
import { intersectRange, type Range, totalLength } from "../range.ts";
import type { Bmap } from "./read-bmap.ts";
import type { Chunk, ImageReader } from "../reader.ts";

async function* checkedChunks(
  chunks: AsyncIterable<Chunk>,
  bmap: Bmap,
  imageSize: number,
): AsyncGenerator<Chunk> {
  const check = bmapCheck(bmap, imageSize);
  for await (const chunk of chunks) {
    check.add(chunk.offset, chunk.data);
    yield chunk;
  }
  check.finish();
}

/**
 * The same image, except that reading everything that is mapped throws BMAP_WRONG at the first range that differs. Reading
 * only a part, to write a few places again, is not checked. Throws BMAP_WRONG when the map is for an image of another size.
 */
export const withBmapCheck = (
  reader: ImageReader,
  bmap: Bmap,
  imageSize: number,
): ImageReader => {
  bmapCheck(bmap, imageSize);
  const coversMap = (ranges: readonly Range[]): boolean =>
    bmap.ranges.every(
      (range) => totalLength(intersectRange(range, ranges)) === range.length,
    );
  return {
    ...reader,
    chunks: (ranges) =>
      ranges === undefined || coversMap(ranges)
        ? checkedChunks(reader.chunks(ranges), bmap, imageSize)
        : reader.chunks(ranges),
  };
};
