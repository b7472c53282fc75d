// Files that only their owner may read: written whole, either in place of an old one or only where none was.
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../report/expected-failure.ts";
import {
  demandReplaceable,
  type Owner,
  fileOwner,
  syncFolder,
  temporaryName,
} from "./atomic-file.ts";

/** The person behind sudo, to whom a file in their own folder should belong. */
const callingUser = (env: NodeJS.ProcessEnv): Owner | undefined => {
  const { SUDO_UID: uid, SUDO_GID: gid } = env;
  return process.getuid?.() === 0 && uid !== undefined && gid !== undefined
    ? { uid: Number(uid), gid: Number(gid) }
    : undefined;
};

const writeTemporary = async (
  temporary: string,
  data: string,
  owner: Owner | undefined,
): Promise<void> => {
  const handle = await open(temporary, "wx", 0o600);
  try {
    // Only root may give files away; others replace their own files as themselves.
    if (owner !== undefined && process.getuid?.() === 0) {
      await handle.chown(owner.uid, owner.gid);
    }
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Writes the file with mode 0600; an existing one is replaced at once and keeps its owner. */
export const replacePrivateFile = async (
  path: string,
  data: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> => {
  await demandReplaceable(path);
  const temporary = temporaryName(path);
  try {
    const owner = (await fileOwner(path)) ?? callingUser(env);
    await writeTemporary(temporary, data, owner);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
};

/**
 * Writes the file with mode 0600 unless a file of this name exists.
 *
 * @returns false when there was one, which is left alone
 */
export const createPrivateFile = async (
  path: string,
  data: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> => {
  const temporary = temporaryName(path);
  try {
    await writeTemporary(temporary, data, callingUser(env));
    // Unlike a rename, a link never replaces what another run has just written.
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
};
