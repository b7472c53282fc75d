// The cache's own folder, which must belong to one user alone, because its content is trusted.
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
  /** The owner of the link through which the folder is found; undefined where there is no link. */
  readonly linkOwner: number | undefined;
};

/**
 * Why others could have put into it what they like; follows its name in messages. Not checked on Windows, which has other
 * permissions and no user ids.
 */
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
  // Rights that an ACL grants show up in the group's bits, as its mask: see chmod(1) and acl(5).
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

/** Whether the content of this cache folder can be trusted: the folder is this user's alone, or does not exist yet. */
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

/** Closes a folder that an earlier version left readable for others. */
const close = async (path: string, facts: Stats): Promise<void> => {
  if (process.geteuid !== undefined && (facts.mode & ALL_OTHERS) !== 0) {
    await chmod(path, OWNER_ONLY);
  }
};

/** Makes a folder in the cache and its parents, for this user only, whatever the umask is. Throws CACHE_UNUSABLE. */
export const makeCacheFolder = async (
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<void> => {
  const cache = cacheFolder(env);
  try {
    await makeFolder(cache, OWNER_ONLY);
    const facts = await look(cache);
    demandOwn(cache, facts);
    // A folder of another name, which PI_IMAGE_CACHE_HOME gives, may hold more than our cache, as /var/cache does; it stays
    // as it is.
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
