// Reads and writes all that is asked for at an offset of an open file; a single call of the kernel may do only a part of it.

/** The part of Node's FileHandle that reads. */
export type ReadableAt = {
  readonly read: (
    into: Uint8Array,
    at: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesRead: number }>;
};

/** The part of Node's FileHandle that writes. */
export type WritableAt = {
  readonly write: (
    data: Uint8Array,
    at: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesWritten: number }>;
};

/** Near a full disk, for example, a write takes less than it is given. */
export const writeAt = async (
  handle: WritableAt,
  data: Uint8Array,
  offset: number,
): Promise<void> => {
  for (let done = 0; done < data.length;) {
    const { bytesWritten } = await handle.write(
      data,
      done,
      data.length - done,
      offset + done,
    );
    done += bytesWritten;
  }
};

/**
 * Fills at least the first `needed` bytes of `into`, with the file's from `offset` on.
 * @returns how many bytes were filled; fewer than `needed` where the file ends before
 */
export const readAt = async (
  handle: ReadableAt,
  into: Uint8Array,
  offset: number,
  needed = into.length,
): Promise<number> => {
  let done = 0;
  while (done < needed) {
    const { bytesRead } = await handle.read(
      into,
      done,
      into.length - done,
      offset + done,
    );
    if (bytesRead === 0) {
      break;
    }
    done += bytesRead;
  }
  return done;
};

/** The bytes from `offset` on: `length` of them, or fewer where the file ends before. */
export const bytesAt = async (
  handle: ReadableAt,
  offset: number,
  length: number,
): Promise<Buffer> => {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, await readAt(handle, buffer, offset));
};
