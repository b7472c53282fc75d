// The SHA-256 of a file, from the cache if the file has not changed since the last time.
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ifOneOf, ifSystem } from "../report/expected-failure.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { openPlainFile, readWholeText } from "../system/read-whole.ts";
import { cacheFolder } from "../system/folders.ts";
import { isPrivateFolder, makeCacheFolder } from "./cache-folder.ts";
import { hashInThread } from "./hash-thread.ts";

/** A file may change twice within one tick of its file system's clock, so one that has just changed is not remembered. */
const SETTLED_NS = 2_000_000_000n;

/** Changes whenever the file is written, replaced or given other times, because no program can set the ctime. */
const stampOf = (stat: BigIntStats): string =>
  [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");

export type DigestOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** What the progress display calls the file. */
  readonly subject: string;
  /** Reads the file although its digest is remembered: a disk that corrupts bytes does not change a file's times. */
  readonly anew?: boolean | undefined;
};

const hashFile = async (
  handle: FileHandle,
  total: number,
  { report, signal, subject }: DigestOptions,
): Promise<string> => {
  const phase = "check";
  report({ type: "phase", phase, subject, total });
  return hashInThread(handle.fd, signal, (done) => {
    report({ type: "progress", phase, subject, done, total });
  });
};

const memoPath = async (
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<string> => {
  const name = createHash("sha256")
    .update(await realpath(path))
    .digest("hex");
  return join(cacheFolder(env), "digests", name);
};

/** Remembers the digest of a file that nobody else writes to; does nothing without a cache of this user's own. */
export const rememberDigest = async (
  path: string,
  sha256: string,
  env: NodeJS.ProcessEnv,
): Promise<void> => {
  const handle = await open(path, "r");
  try {
    const stamp = stampOf(await handle.stat({ bigint: true }));
    const memo = await memoPath(path, env);
    await makeCacheFolder(env, dirname(memo))
      .then(() => writeFileAtomically(memo, `${stamp}\n${sha256}\n`))
      .catch((error: unknown) => ifOneOf(error, [UserError], undefined))
      .catch((error: unknown) => ifSystem(error, undefined));
  } finally {
    await handle.close();
  }
};

/** Hex, lower case. Reads the whole file unless its digest is remembered and that is enough. */
export const digestFile = async (
  path: string,
  options: DigestOptions,
): Promise<string> => {
  const memo = await memoPath(path, options.env);
  const believed = await isPrivateFolder(options.env, dirname(memo));
  const handle = await openPlainFile(path);
  try {
    const before = await handle.stat({ bigint: true });
    const [stamp, remembered] = (
      await readWholeText(memo).catch((error: unknown) => ifSystem(error, ""))
    ).split("\n");
    if (
      options.anew !== true &&
      believed &&
      stamp === stampOf(before) &&
      remembered !== undefined
    ) {
      return remembered;
    }
    const digest = await hashFile(handle, Number(before.size), options);
    const after = await handle.stat({ bigint: true });
    const now = BigInt(Date.now()) * 1_000_000n;
    if (
      stampOf(after) === stampOf(before) &&
      after.ctimeNs + SETTLED_NS < now
    ) {
      await rememberDigest(path, digest, options.env);
    }
    return digest;
  } finally {
    await handle.close();
  }
};
