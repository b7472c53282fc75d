// Reads an image that can only be decoded from its start: any number of reads in ascending order cost one decode.
import type { ImageReader } from "./reader.ts";
import type { Source } from "./source.ts";

/** How often decoding may start again for a read that goes backwards; reading a table and its file systems never does. */
const MOST_STARTS = 4;

/** The error for a byte that was not reached: the image ends before it, or reads went backwards too often. */
const unreachable = (offset: number): RangeError =>
  new RangeError(`byte ${offset} cannot be reached`);

type Decode = {
  readonly chunks: AsyncIterator<{
    readonly offset: number;
    readonly data: Uint8Array;
  }>;
  /** The chunk that was decoded last; the next one begins where it ends. */
  offset: number;
  data: Buffer;
};

/**
 * The decoder reports damage as IMAGE_DAMAGED. Bytes that cannot be reached are a RangeError.
 * @param size bytes of the decoded image
 */
export const forwardSource = (
  reader: ImageReader,
  size: number,
  signal?: AbortSignal,
): Source => {
  let decode: Decode | undefined;
  let starts = 0;
  const stop = async (): Promise<void> => {
    await decode?.chunks.return?.();
    decode = undefined;
  };
  const start = async (offset: number): Promise<Decode> => {
    await stop();
    starts += 1;
    if (starts > MOST_STARTS) {
      throw unreachable(offset);
    }
    const chunks = reader.chunks()[Symbol.asyncIterator]();
    return { chunks, offset: 0, data: Buffer.alloc(0) };
  };
  /** The next bytes from `offset` on, at least one. */
  const from = async (offset: number): Promise<Buffer> => {
    decode =
      decode === undefined || offset < decode.offset
        ? await start(offset)
        : decode;
    while (offset >= decode.offset + decode.data.length) {
      signal?.throwIfAborted();
      const next = await decode.chunks.next();
      if (next.done === true) {
        throw unreachable(offset);
      }
      decode.offset = next.value.offset;
      // Copied, because the decoder reuses the chunk's memory for the next one, and this one may be read again.
      decode.data = Buffer.from(next.value.data);
    }
    return decode.data.subarray(offset - decode.offset);
  };
  return {
    size,
    read: async (offset, length) => {
      if (offset < 0 || offset + length > size) {
        throw unreachable(offset);
      }
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const part = await from(offset + done);
        done += part.copy(bytes, done);
      }
      return bytes;
    },
    close: stop,
  };
};
