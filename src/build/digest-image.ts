// Reads a finished raw image once and gives both its SHA-256 and the digests of its used ranges.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Range } from "../image/range.ts";
import type { Report } from "../report/events.ts";
import { createRangeDigester } from "./range-digests.ts";

export type ImageDigests = {
  /** SHA-256 of the whole file. */
  readonly sha256: string;
  /** SHA-256 of each range, in the order of `ranges`. */
  readonly ranges: readonly string[];
};

type ImageDigestOptions = {
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

const CHUNK = 4 * 1024 * 1024;

/** `ranges` must be normalised and lie within the file. */
export const digestImage = async (
  path: string,
  ranges: readonly Range[],
  { subject, report, signal }: ImageDigestOptions,
): Promise<ImageDigests> => {
  const phase = "checksum";
  const whole = createHash("sha256");
  const digester = createRangeDigester(ranges);
  const handle = await open(path, "r");
  try {
    const { size: total } = await handle.stat();
    report({ type: "phase", phase, subject, total });
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let done = 0; done < total;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, done);
      if (bytesRead === 0) {
        throw new Error(`${path} became shorter while it was read`);
      }
      const data = buffer.subarray(0, bytesRead);
      whole.update(data);
      digester.update(done, data);
      done += bytesRead;
      report({ type: "progress", phase, subject, done, total });
    }
  } finally {
    await handle.close();
  }
  return { sha256: whole.digest("hex"), ranges: digester.digests() };
};
