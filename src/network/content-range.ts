// Reads the header that says which part of a file an answer holds.
// https://www.rfc-editor.org/rfc/rfc9110#name-content-range
import type { IncomingMessage } from "node:http";

export type ContentRange = {
  /** First and last byte. */
  readonly start: number;
  readonly end: number;
  /** Bytes of the whole file. */
  readonly total: number;
};

/** "bytes 100-199/200"; undefined for any other form, and for a part that cannot be. */
export const parseContentRange = (
  answer: IncomingMessage,
): ContentRange | undefined => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(
    answer.headers["content-range"] ?? "",
  );
  const [, start, end, total] = (match ?? []).map(Number);
  return start === undefined ||
    end === undefined ||
    total === undefined ||
    start > end ||
    end >= total
    ? undefined
    : { start, end, total };
};
