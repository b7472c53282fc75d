// An image from a pipe can be read only once, so it is copied to a file that is removed afterwards.
import { createHash } from "node:crypto";
import { constants, openSync } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { explainNoRoom, LARGER_CACHE } from "../system/disk-full.ts";
import { cachePath, type CacheOptions } from "../network/cache.ts";
import { isAbsent } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { removeStalePartials, temporaryName } from "../system/atomic-file.ts";

type Spooled = {
  readonly path: string;
  /** The SHA-256 of the bytes as they came. */
  readonly sha256: string;
  readonly remove: () => Promise<void>;
};

/** A copy together with the name by which the user knows the image. */
export type SpooledImage = Spooled & { readonly label: string };

/** Rejects when the run is stopped, even while nobody writes into the pipe. */
const stopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener("abort", stop, { once: true });
  });

const copy = async (
  stream: Readable,
  path: string,
  label: string,
  { report, signal }: CacheOptions,
): Promise<string> => {
  const phase = "receive image";
  report({ type: "phase", phase, subject: label });
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  try {
    let done = 0;
    for await (const piece of stream) {
      signal.throwIfAborted();
      const bytes = piece as Buffer;
      hash.update(bytes);
      await file.writeFile(bytes);
      done += bytes.length;
      report({ type: "progress", phase, subject: label, done });
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
};

const noRoom = (path: string, error: unknown): unknown =>
  explainNoRoom(error, `the image in ${dirname(path)}`, {
    state: "nothing was written, and nothing of the image was kept",
    hint: LARGER_CACHE,
  });

/**
 * Copies the bytes as they come, packed or not, because a plan needs the image's size and a failed write is tried again.
 * Only its owner can read the copy. Throws DISK_FULL and CACHE_UNUSABLE.
 */
const spool = async (
  stream: Readable,
  label: string,
  surroundings: CacheOptions,
): Promise<Spooled> => {
  const path = temporaryName(
    await cachePath(surroundings.env, "spool", "image"),
  );
  await removeStalePartials(dirname(path));
  try {
    const sha256 = await Promise.race([
      copy(stream, path, label, surroundings),
      stopped(surroundings.signal),
    ]);
    return { path, sha256, remove: () => rm(path, { force: true }) };
  } catch (error) {
    await rm(path, { force: true });
    throw noRoom(path, error);
  } finally {
    stream.destroy();
  }
};

const isPipe = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isFIFO();
  } catch (error) {
    if (isAbsent(error)) {
      return false;
    }
    throw error;
  }
};

/** Opening a pipe in the usual way would wait for a writer, and nothing could interrupt the wait. */
const openPipe = (path: string): Readable =>
  new Socket({
    fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });

/** Whether the image is standard input ("-") or a pipe, which has no files beside it. */
export const isStream = async (path: string): Promise<boolean> =>
  path === "-" || (await isPipe(path));

/** The copy of what comes from "-", standard input, or from a pipe; undefined for every other path. */
export const spoolIfPipe = async (
  path: string,
  surroundings: CacheOptions,
): Promise<SpooledImage | undefined> => {
  if (path === "-") {
    if (process.stdin.isTTY) {
      throw new UserError(
        "WRONG_ARGUMENTS",
        "the image is to come from standard input, which is the terminal",
        {
          state: "nothing was written",
          hint: "write an image into it, such as: xz -dc os.img.xz | pi-image flash TARGET - --yes",
        },
      );
    }
    const label = "standard input";
    return { label, ...(await spool(process.stdin, label, surroundings)) };
  }
  return (await isPipe(path))
    ? { label: path, ...(await spool(openPipe(path), path, surroundings)) }
    : undefined;
};
