// A download that is not complete yet: its bytes, their running SHA-256, and what is needed to resume it.
import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, rm } from "node:fs/promises";
import { z } from "zod";
import { ABSENT, ifAbsent, ifOneOf } from "../report/expected-failure.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { readWholeText } from "../system/read-whole.ts";
import { writeAt } from "../system/exact-io.ts";

/** What the server said about the file to which the bytes belong. */
const originSchema = z.strictObject({
  /** SHA-256 of the address, which itself may hold a password or a token. */
  address: z.string(),
  /** Value for If-Range: a strong ETag or a date; without one the download cannot be continued. */
  validator: z.string().nullable(),
  total: z.int().nonnegative().nullable(),
});

export type Origin = Readonly<z.infer<typeof originSchema>>;

export type PartialFile = {
  /** How many bytes have been received. */
  readonly size: () => number;
  /** The origin of these bytes; undefined where there are none. */
  readonly origin: () => Origin | undefined;
  /** Discards all bytes; those that follow are from this origin. */
  readonly restart: (origin: Origin) => Promise<void>;
  readonly append: (bytes: Uint8Array) => Promise<void>;
  /** Flushes the file to disk and returns the SHA-256 of all bytes; nothing can be appended afterwards. */
  readonly finish: () => Promise<string>;
  readonly close: () => Promise<void>;
};

/** Undefined where it is missing or incomplete, as after a kill: the bytes' origin is unknown then, and they are discarded. */
const readOrigin = async (path: string): Promise<Origin | undefined> => {
  try {
    return originSchema.parse(JSON.parse(await readWholeText(path)));
  } catch (error) {
    return ifOneOf(error, [SyntaxError, z.ZodError, ...ABSENT], undefined);
  }
};

const READ_SIZE = 1024 * 1024;

const hashBytes = async (
  file: FileHandle,
  size: number,
  signal: AbortSignal,
): Promise<Hash> => {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(READ_SIZE);
  for (let done = 0; done < size;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(
      buffer,
      0,
      Math.min(READ_SIZE, size - done),
      done,
    );
    if (bytesRead === 0) {
      throw new Error("a download became shorter while it was read");
    }
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  return hash;
};

const originPath = (path: string): string => `${path}.json`;

export const removePartialFile = async (path: string): Promise<void> => {
  await rm(path, { force: true });
  await rm(originPath(path), { force: true });
};

/** Removes links and special files, which no download put there: writing to a link would change another file. */
const removeForeign = async (path: string): Promise<void> => {
  try {
    const found = await lstat(path);
    if (!found.isDirectory() && (!found.isFile() || found.nlink > 1)) {
      await rm(path);
    }
  } catch (error) {
    ifAbsent(error, undefined);
  }
};

/** Opens or creates the partial file; bytes from an earlier run are kept and read once for their hash. */
export const openPartialFile = async (
  path: string,
  signal: AbortSignal,
): Promise<PartialFile> => {
  await removeForeign(path);
  await removeForeign(originPath(path));
  let origin = await readOrigin(originPath(path));
  const file = await open(
    path,
    constants.O_RDWR |
      constants.O_CREAT |
      constants.O_NOFOLLOW |
      (origin === undefined ? constants.O_TRUNC : 0),
  );
  let { size } = await file.stat();
  let hash: Hash | undefined;
  return {
    size: () => size,
    origin: () => origin,
    restart: async (next) => {
      await rm(originPath(path), { force: true });
      await file.truncate(0);
      size = 0;
      hash = undefined;
      await writeFileAtomically(originPath(path), JSON.stringify(next));
      origin = next;
    },
    append: async (bytes) => {
      hash ??= await hashBytes(file, size, signal);
      await writeAt(file, bytes, size);
      hash.update(bytes);
      size += bytes.length;
    },
    finish: async () => {
      hash ??= await hashBytes(file, size, signal);
      await file.sync();
      return hash.digest("hex");
    },
    close: () => file.close(),
  };
};
