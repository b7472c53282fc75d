// Reads a document of a registry, whose digest proves that it is the one asked for, but not that it makes sense.
import type { z } from "zod";
import { ifOneOf } from "../../report/expected-failure.ts";
import { archiveWrong } from "../debian/archive-wrong.ts";

/** Undefined for what is not JSON, which no schema of a document accepts. */
export const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    return ifOneOf(error, [SyntaxError], undefined);
  }
};

/**
 * Throws ARCHIVE_WRONG.
 *
 * @param from for messages
 */
export const readDocument = <Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
  from: string,
): z.infer<Schema> => {
  const read = schema.safeParse(data);
  if (read.success) {
    return read.data;
  }
  const [{ path, message } = { path: [], message: "" }] = read.error.issues;
  throw archiveWrong(
    from,
    `cannot be understood: ${[path.join("."), message].filter((text) => text !== "").join(": ")}`,
  );
};
