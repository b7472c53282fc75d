// Reads a file that somebody else may have put there: waits for no pipe, opens no device, and has a limit.
import type { Stats } from "node:fs";
import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { errnoReason } from "./errno-words.ts";

/** What the process that started us has opened, and may still be writing. */
const DESCRIPTOR = /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/** Bytes: more than any text of ours has. */
const MOST = 64 * 1024 * 1024;

/** Most files fit; a buffer of the limit's size for each would take most of the time of reading them. */
const FIRST = 16 * 1024;

/** An error like the operating system's own, so that it is reported like everything else that the system refuses. */
const refusal = (code: string, path: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: ${errnoReason(code)}, open '${path}'`), {
    code,
    path,
  });

const demandFile = (path: string, found: Stats): void => {
  if (found.isDirectory()) {
    throw refusal("EISDIR", path);
  }
  if (!found.isFile()) {
    throw refusal("ESPIPE", path);
  }
};

/**
 * Opens a regular file, also behind a link, for reading; a pipe only by the number of its descriptor. Throws what the
 * operating system says, and ESPIPE or EISDIR for what is no file.
 */
export const openPlainFile = async (path: string): Promise<FileHandle> => {
  if (DESCRIPTOR.test(path)) {
    return open(path, "r");
  }
  // Before it is opened, because that alone starts some devices; and after, because it may have been exchanged.
  demandFile(path, await stat(path));
  const handle = await open(
    path,
    constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
  );
  try {
    demandFile(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
};

/** At most `limit` + 1 bytes: the last one shows that a file is too large. Throws as openPlainFile. */
export const readAtMost = async (
  path: string,
  limit: number,
): Promise<Buffer> => {
  const handle = await openPlainFile(path);
  try {
    let buffer = Buffer.alloc(Math.min(FIRST, limit + 1));
    let length = 0;
    while (length <= limit) {
      if (length === buffer.length) {
        buffer = Buffer.concat([buffer], Math.min(2 * length, limit + 1));
      }
      const { bytesRead } = await handle.read(
        buffer,
        length,
        buffer.length - length,
        null,
      );
      if (bytesRead === 0) {
        break;
      }
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
};

/** All of the file's bytes. Throws as openPlainFile, and E2BIG for more than `limit` bytes. */
export const readWhole = async (
  path: string,
  limit = MOST,
): Promise<Buffer> => {
  const bytes = await readAtMost(path, limit);
  if (bytes.length > limit) {
    throw refusal("E2BIG", path);
  }
  return bytes;
};

/** The same as text, whatever its bytes are. */
export const readWholeText = async (
  path: string,
  limit = MOST,
): Promise<string> => (await readWhole(path, limit)).toString("utf8");
