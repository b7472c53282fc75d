// Closes a file stream for certain, and looks for bytes that follow what was decoded.
import type { ReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

const READ_SIZE = 1024 * 1024;

/** Whether the file has anything but zeros, which may pad it, from this byte on. */
export const hasBytes = async (
  file: FileHandle,
  from: number,
): Promise<boolean> => {
  const buffer = Buffer.alloc(READ_SIZE);
  for (let position = from; ;) {
    const { bytesRead } = await file.read(buffer, 0, READ_SIZE, position);
    if (bytesRead === 0) {
      return false;
    }
    if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) {
      return true;
    }
    position += bytesRead;
  }
};

/** Closes the stream's file, read to its end or not; done when the descriptor is free. */
export const closeStream = (stream: ReadStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) {
      resolve();
      return;
    }
    stream.once("close", () => resolve());
    stream.destroy();
  });

/** The same for a file that is not open yet. */
export const hasBytesBehind = async (
  path: string,
  from: number,
): Promise<boolean> => {
  const file = await open(path, "r");
  try {
    return await hasBytes(file, from);
  } finally {
    await file.close();
  }
};
