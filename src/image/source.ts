// Random access to the bytes of a raw image.
import { open } from "node:fs/promises";
import { readAt } from "../system/exact-io.ts";

export type Source = {
  /** Bytes of the raw image. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; asking beyond the end is an error. */
  readonly read: (offset: number, length: number) => Promise<Buffer>;
  readonly close: () => Promise<void>;
};

export type FileSource = Source & {
  /** Fills `into` with the bytes from `offset` on; asking beyond the end is an error. */
  readonly fill: (into: Buffer, offset: number) => Promise<void>;
};

/** A raw image in a regular file. */
export const openFileSource = async (path: string): Promise<FileSource> => {
  const handle = await open(path, "r");
  const { size } = await handle.stat();
  const fill = async (into: Buffer, offset: number): Promise<void> => {
    if ((await readAt(handle, into, offset)) < into.length) {
      throw new RangeError(
        `${path} ends at byte ${size}, asked for ${offset + into.length}`,
      );
    }
  };
  return {
    size,
    fill,
    read: async (offset, length) => {
      const buffer = Buffer.allocUnsafe(length);
      await fill(buffer, offset);
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
