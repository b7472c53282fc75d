// Pads an image that ends within a sector to a whole one, because disks have whole sectors only.
import { rangeEnd } from "../range.ts";
import type { Chunk, ImageReader } from "../reader.ts";
import type { Source } from "../source.ts";

const SECTOR = 512;

const paddedSize = (size: number): number => Math.ceil(size / SECTOR) * SECTOR;

const paddedSource = (source: Source): Source => ({
  ...source,
  size: paddedSize(source.size),
  read: async (offset, length) => {
    const inside = Math.max(Math.min(length, source.size - offset), 0);
    if (offset + length > paddedSize(source.size)) {
      // Reading too far fails, with an error that says where the image really ends.
      return source.read(offset, length);
    }
    const bytes = Buffer.alloc(length);
    (await source.read(offset, inside)).copy(bytes);
    return bytes;
  },
});

/**
 * The same image, with zeros up to the end of its last sector, which `remarks` then mentions. Where the size is not known,
 * the zeros come after the last chunk.
 */
export const padImage = (reader: ImageReader): ImageReader => {
  if (reader.size !== undefined && reader.size % SECTOR === 0) {
    return reader;
  }
  let end = reader.size ?? 0;

  async function* chunks(
    ranges: Parameters<ImageReader["chunks"]>[0],
  ): AsyncGenerator<Chunk> {
    const { size } = reader;
    const inside =
      size === undefined
        ? ranges
        : ranges?.flatMap((range) => {
            const length = Math.min(rangeEnd(range), size) - range.offset;
            return length > 0 ? [{ offset: range.offset, length }] : [];
          });
    let last = 0;
    for await (const chunk of reader.chunks(inside)) {
      last = chunk.offset + chunk.data.length;
      end = Math.max(end, last);
      yield chunk;
    }
    const missing = paddedSize(end) - end;
    if (missing > 0 && last === end) {
      yield { offset: end, data: Buffer.alloc(missing) };
    }
  }

  return {
    ...reader,
    size: reader.size === undefined ? undefined : paddedSize(reader.size),
    source:
      reader.source === undefined ? undefined : paddedSource(reader.source),
    chunks,
    remarks: () => [
      ...(reader.remarks?.() ?? []),
      ...(end % SECTOR === 0
        ? []
        : [
            `the image has ${end} bytes, which is not a whole number of sectors; the last sector is filled up with zeros`,
          ]),
    ],
  };
};
