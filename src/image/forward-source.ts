// Reads an image that can only be decoded from its start: what is asked for in ascending order costs one decode.
import type { ImageReader } from "./reader.ts";
import type { Source } from "./source.ts";

/** How often it starts from the beginning for what lies behind; a table and its file systems need none. */
const MOST_STARTS = 4;

/** A place that was not reached: the image ends before, or it was asked for too often from behind. */
const unreachable = (offset: number): RangeError =>
  new RangeError(`byte ${offset} cannot be reached`);

type Decode = {
  readonly chunks: AsyncIterator<{
    readonly offset: number;
    readonly data: Uint8Array;
  }>;
  /** What came last; it ends where the next one begins. */
  offset: number;
  data: Buffer;
};

/**
 * Damage is the decoder's to tell: IMAGE_DAMAGED. Bytes that cannot be reached are a RangeError.
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
      // The chunk is the decoder's again once the next one is asked for, and this one may be read again.
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
