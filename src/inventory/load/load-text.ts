// Reads a text file that the user names: UTF-8, of a limited size. Failures are returned, never thrown.
import { ifOneOf } from "../../report/expected-failure.ts";
import { isMissing, whyUnreadable } from "../../system/read-if-there.ts";
import { readAtMost } from "../../system/read-whole.ts";

export type TextFile =
  | { readonly text: string }
  | {
      readonly text: undefined;
      readonly code: "FILE_NOT_UTF8" | "FILE_TOO_LARGE" | "FILE_UNREADABLE";
      /** Why it cannot be read, such as "it does not exist". */
      readonly reason: string;
      readonly missing: boolean;
    };

/** Reads the whole file; a byte-order mark is dropped. `limit` is in bytes. */
export const loadText = async (
  path: string,
  limit: number,
): Promise<TextFile> => {
  let bytes: Buffer;
  try {
    bytes = await readAtMost(path, limit);
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
