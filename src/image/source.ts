// Random access to the bytes of a raw image.
import { open } from "node:fs/promises";

export type Source = {
  /** Bytes of the raw image. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; asking beyond the end is an error. */
  readonly read: (offset: number, length: number) => Promise<Buffer>;
  readonly close: () => Promise<void>;
};

/** A raw image in a regular file. */
export const openFileSource = async (path: string): Promise<Source> => {
  const handle = await open(path, "r");
  const { size } = await handle.stat();
  return {
    size,
    read: async (offset, length) => {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(
          buffer,
          filled,
          length - filled,
          offset + filled,
        );
        if (bytesRead === 0) {
          throw new RangeError(
            `${path} ends at byte ${size}, asked for ${offset + length}`,
          );
        }
        filled += bytesRead;
      }
      return buffer;
    },
    close: () => handle.close(),
  };
};

/** Raw image bytes held in memory; for small images and tests. */
export const bufferSource = (bytes: Uint8Array): Source => ({
  size: bytes.length,
  read: async (offset, length) => {
    if (offset < 0 || offset + length > bytes.length) {
      throw new RangeError(
        `the image ends at byte ${bytes.length}, asked for ${offset + length}`,
      );
    }
    return Buffer.from(bytes.subarray(offset, offset + length));
  },
  close: async () => undefined,
});
