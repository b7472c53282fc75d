// Finds where the last member of a .gz file ends, because zlib takes whatever follows it for a damaged member.
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createInflateRaw } from "node:zlib";
import { bytesAt } from "../../system/exact-io.ts";
import { closeStream } from "./stream.ts";

const READ_SIZE = 1024 * 1024;
const MAGIC = Buffer.from([0x1f, 0x8b, 8]);
/** CRC-32 and size. */
const TRAILER = 8;

/** Bytes of a member's header, or undefined where none is. https://www.rfc-editor.org/rfc/rfc1952#section-2.3 */
const headerLength = (bytes: Buffer): number | undefined => {
  const flags = bytes[3];
  if (flags === undefined || !MAGIC.equals(bytes.subarray(0, 3))) {
    return undefined;
  }
  let at = 10;
  if ((flags & 4) !== 0) {
    at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
  }
  // The name and the comment each end with a zero.
  for (const flag of [8, 16]) {
    if ((flags & flag) !== 0) {
      at = bytes.indexOf(0, at) + 1;
    }
  }
  return at + ((flags & 2) === 0 ? 0 : 2);
};

/** The compressed length of the deflated data that begins at `start`. */
const deflatedLength = async (path: string, start: number): Promise<number> => {
  const file = createReadStream(path, { start, highWaterMark: READ_SIZE });
  const inflate = createInflateRaw({ chunkSize: READ_SIZE });
  file.on("error", (error) => inflate.destroy(error));
  file.pipe(inflate);
  try {
    for await (const piece of inflate) {
      // Read only to find where it ends.
      void piece;
    }
    return inflate.bytesWritten;
  } finally {
    inflate.destroy();
    await closeStream(file);
  }
};

const headerAt = async (file: FileHandle, position: number) =>
  headerLength(await bytesAt(file, position, 64 * 1024));

/**
 * Decodes the file once. Undefined where no whole member is in it. Throws what zlib does where a member is damaged; whether
 * the members' checksums are right is not looked at.
 */
export const gzipEnd = async (path: string): Promise<number | undefined> => {
  const file = await open(path, "r");
  try {
    for (let position = 0; ;) {
      const length = await headerAt(file, position);
      if (length === undefined) {
        return position === 0 ? undefined : position;
      }
      const start = position + length;
      position = start + (await deflatedLength(path, start)) + TRAILER;
    }
  } finally {
    await file.close();
  }
};
