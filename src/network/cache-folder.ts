// The cache's own folder, which is for one user: what lies there is believed.
import { chmod, lstat, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { basename } from "node:path";
import { ifAbsent } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { cacheFolder } from "../system/folders.ts";
import { makeFolder } from "../system/make-folder.ts";

const OWNER_ONLY = 0o700;
const OTHERS_WRITE = 0o022;
const ALL_OTHERS = 0o077;

const unusable = (
  path: string,
  why: string,
  hint: string,
  cause?: unknown,
): UserError =>
  new UserError("CACHE_UNUSABLE", `the folder ${path} ${why}`, {
    facts: cause instanceof Error ? [cause.message] : [],
    state: "nothing was written",
    hint,
    cause,
  });

type Folder = Stats & {
  /** Of the link by whose name the folder is found; undefined where it has the name itself. */
  readonly linkOwner: number | undefined;
};

/** Why others could have put into it what they like; goes on after its name. Windows has other rights, and no user ids. */
const openTo = ({ uid, mode, linkOwner }: Folder): string | undefined => {
  const own = process.geteuid?.();
  if (own === undefined) {
    return undefined;
  }
  if (uid !== own) {
    return `belongs to the user with the id ${uid}, who could replace what is cached there`;
  }
  if (linkOwner !== undefined && linkOwner !== own && linkOwner !== 0) {
    return `is found through a link of the user with the id ${linkOwner}, who could let it lead elsewhere`;
  }
  // Who has rights by an ACL counts as group: chmod(1) and acl(5) call it the mask.
  return (mode & OTHERS_WRITE) !== 0
    ? "can be written to by other users, who could have replaced what is cached there"
    : undefined;
};

const look = async (path: string): Promise<Folder> => {
  const name = await lstat(path);
  return Object.assign(name.isSymbolicLink() ? await stat(path) : name, {
    linkOwner: name.isSymbolicLink() ? name.uid : undefined,
  });
};

const demandOwn = (path: string, facts: Folder): void => {
  const why = openTo(facts);
  if (why !== undefined) {
    throw unusable(
      path,
      why,
      facts.uid === process.geteuid?.()
        ? "if it holds nothing but pi-image's cache, delete it: everything in it can be fetched again, and the folder is made anew for this user only; otherwise set PI_IMAGE_CACHE_HOME to another folder"
        : "set PI_IMAGE_CACHE_HOME to a folder of this user",
    );
  }
};

const factsOf = async (path: string): Promise<Folder | undefined> => {
  try {
    return await look(path);
  } catch (error) {
    return ifAbsent(error, undefined);
  }
};

/** Whether what lies in this folder of the cache can be believed: it is this user's alone, or not there yet. */
export const isPrivateFolder = async (
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<boolean> => {
  const found = [await factsOf(cacheFolder(env)), await factsOf(folder)];
  return found.every(
    (facts) => facts === undefined || openTo(facts) === undefined,
  );
};

/** Throws CACHE_UNUSABLE for a cache that is somebody else's or that others can write to. */
export const demandPrivateCache = async (
  env: NodeJS.ProcessEnv,
): Promise<void> => {
  const path = cacheFolder(env);
  const facts = await factsOf(path);
  if (facts !== undefined) {
    demandOwn(path, facts);
  }
};

/** Closes a folder that an earlier version left open for reading. */
const close = async (path: string, facts: Stats): Promise<void> => {
  if (process.geteuid !== undefined && (facts.mode & ALL_OTHERS) !== 0) {
    await chmod(path, OWNER_ONLY);
  }
};

/**
 * Makes the folder, which is in the cache, with those above it, for this user only whatever the umask. Throws
 * CACHE_UNUSABLE.
 */
export const makeCacheFolder = async (
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<void> => {
  const cache = cacheFolder(env);
  try {
    await makeFolder(cache, OWNER_ONLY);
    const facts = await look(cache);
    demandOwn(cache, facts);
    // PI_IMAGE_CACHE_HOME may name a folder that holds more than the cache, such as /var/cache.
    if (basename(cache) === "pi-image") {
      await close(cache, facts);
    }
    await makeFolder(folder, OWNER_ONLY);
    const inner = await look(folder);
    demandOwn(folder, inner);
    await close(folder, inner);
  } catch (error) {
    throw error instanceof UserError
      ? error
      : unusable(
          folder,
          "cannot be made",
          "set XDG_CACHE_HOME to a folder that this user may write to",
          error,
        );
  }
};
