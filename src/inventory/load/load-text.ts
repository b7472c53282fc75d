// Reads a text file that someone names: UTF-8, of a limited size, and never as an exception.
import { open } from "node:fs/promises";
import { ifOneOf } from "../../report/expected-failure.ts";
import { isMissing, whyUnreadable } from "../../system/read-if-there.ts";

export type TextFile =
  | { readonly text: string }
  | {
      readonly text: undefined;
      readonly code: "FILE_NOT_UTF8" | "FILE_TOO_LARGE" | "FILE_UNREADABLE";
      /** Such as "it does not exist". */
      readonly reason: string;
      readonly missing: boolean;
    };

/** Most files fit; a buffer of the limit's size for each would take most of the time of reading them. */
const FIRST = 16 * 1024;

/** At most `limit` + 1 bytes, because the name may stand for a device or a pipe without an end. */
const readBytes = async (path: string, limit: number): Promise<Buffer> => {
  const handle = await open(path, "r");
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

/** Reads the whole file; a byte-order mark is dropped. `limit` is in bytes. */
export const loadText = async (
  path: string,
  limit: number,
): Promise<TextFile> => {
  let bytes: Buffer;
  try {
    bytes = await readBytes(path, limit);
  } catch (error) {
    const missing = await isMissing(path, error);
    return {
      text: undefined,
      code: "FILE_UNREADABLE",
      reason: missing ? "it does not exist" : whyUnreadable(error),
      missing,
    };
  }
  const failure = { text: undefined, missing: false } as const;
  if (bytes.length > limit) {
    return {
      ...failure,
      code: "FILE_TOO_LARGE",
      reason: `it is larger than ${limit / 1024} KiB`,
    };
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return ifOneOf(error, [TypeError], {
      ...failure,
      code: "FILE_NOT_UTF8",
      reason: "it is not text in UTF-8",
    });
  }
};
