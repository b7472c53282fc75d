// Writes bytes at an offset of an open file, all of them.
import type { FileHandle } from "node:fs/promises";

/** A single write may take less than it is given, near a full disk for example. */
export const writeAt = async (
  handle: FileHandle,
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
