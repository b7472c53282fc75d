// The cache's index: the name of each archive beside its digest, and when it was last used.
import { stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { listIfThere, readIfThere } from "../system/read-if-there.ts";
import {
  ABSENT,
  ifOneOf,
  ifSystem,
  isAbsent,
} from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { cacheFolder } from "../system/folders.ts";
import { makeCacheFolder } from "./cache-folder.ts";

/** One small file for each entry, so that runs at the same time need no common lock. */
const recordSchema = z.strictObject({ name: z.string() });

export type CacheName = { readonly name: string; readonly used: Date };

const folderOf = (env: NodeJS.ProcessEnv): string =>
  join(cacheFolder(env), "names");

/** Records the name, and that the entry was used now. If the cache cannot be written, this is silently skipped. */
export const rememberUse = async (
  env: NodeJS.ProcessEnv,
  sha256: string,
  name: string,
): Promise<void> => {
  const path = join(folderOf(env), `${sha256}.json`);
  const now = new Date();
  await utimes(path, now, now)
    .catch((error: unknown) =>
      isAbsent(error)
        ? makeCacheFolder(env, folderOf(env)).then(() =>
            writeFileAtomically(path, `${JSON.stringify({ name })}\n`),
          )
        : Promise.reject(error),
    )
    .catch((error: unknown) => ifOneOf(error, [UserError], undefined))
    .catch((error: unknown) => ifSystem(error, undefined));
};

const readRecord = async (path: string): Promise<CacheName | undefined> => {
  const data = await readIfThere(path);
  try {
    return (
      data && {
        name: recordSchema.parse(JSON.parse(data.toString("utf8"))).name,
        used: (await stat(path)).mtime,
      }
    );
  } catch (error) {
    return ifOneOf(error, [...ABSENT, SyntaxError, z.ZodError], undefined);
  }
};

/** The recorded names, by the archive's digest. */
export const loadCacheNames = async (
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, CacheName>> => {
  const names = new Map<string, CacheName>();
  for (const file of await listIfThere(folderOf(env))) {
    const sha256 = /^([0-9a-f]{64})\.json$/.exec(file)?.[1];
    const record =
      sha256 === undefined
        ? undefined
        : await readRecord(join(folderOf(env), file));
    if (sha256 !== undefined && record !== undefined) {
      names.set(sha256, record);
    }
  }
  return names;
};
