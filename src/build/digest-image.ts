// Reads a finished image once and gives both its SHA-256 and the digests of its used ranges.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Report } from "../report/events.ts";
import { intersectRange, type Range } from "../image/range.ts";

export type ImageDigests = {
  /** SHA-256 of the whole file. */
  readonly sha256: string;
  /** SHA-256 of each range, in the order of `ranges`. */
  readonly ranges: readonly string[];
};

type DigestOptions = {
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

const CHUNK = 4 * 1024 * 1024;

/** `ranges` must be normalised and lie within the file. */
export const digestImage = async (
  path: string,
  ranges: readonly Range[],
  { subject, report, signal }: DigestOptions,
): Promise<ImageDigests> => {
  const whole = createHash("sha256");
  const digests: string[] = [];
  let current = createHash("sha256");
  let next = 0;
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    report({ type: "phase", phase: "checksum", subject, total: size });
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let offset = 0; offset < size;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, offset);
      if (bytesRead === 0) {
        throw new Error(`${path} became shorter while it was read`);
      }
      const data = buffer.subarray(0, bytesRead);
      whole.update(data);
      for (const part of intersectRange(
        { offset, length: bytesRead },
        ranges,
      )) {
        current.update(
          data.subarray(
            part.offset - offset,
            part.offset - offset + part.length,
          ),
        );
        const range = ranges[next];
        if (
          range !== undefined &&
          part.offset + part.length === range.offset + range.length
        ) {
          digests.push(current.digest("hex"));
          current = createHash("sha256");
          next += 1;
        }
      }
      offset += bytesRead;
      report({ type: "progress", phase: "checksum", subject, done: offset });
    }
  } finally {
    await handle.close();
  }
  return { sha256: whole.digest("hex"), ranges: digests };
};
