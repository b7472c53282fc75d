// Files appear under their final name only when they are complete and on disk.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { lstat, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ifAbsent, systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { makeFolder } from "./make-folder.ts";

/** Every temporary name of this process; files that got their final name, or were removed, no longer exist under it. */
const temporaries: string[] = [];

/** A name beside the final one: on the same file system, hidden, and with the process id, to recognise it after a kill. */
export const temporaryName = (path: string): string => {
  const name = join(
    dirname(path),
    `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.partial`,
  );
  temporaries.push(name);
  return name;
};

/** Removes unfinished files, for a process that ends at once. */
export const removeTemporaries = (): void => {
  for (const name of temporaries) {
    rmSync(name, { force: true });
  }
};

/** Whether a process of this machine has this id. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process has the number now.
    return systemCode(error) === "EPERM";
  }
};

/** Links, folders and other users' files may look like ours but are not. */
const isOwnFile = async (path: string): Promise<boolean> => {
  try {
    const found = await lstat(path);
    return found.isFile() && found.uid === (process.geteuid?.() ?? found.uid);
  } catch (error) {
    return ifAbsent(error, false);
  }
};

/** Removes what killed runs of this user left in a folder; files of a run that is still going stay. */
export const removeStalePartials = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder).catch((error: unknown) =>
    ifAbsent(error, []),
  )) {
    const pid = /^\..+\.(\d+)-[0-9a-f]{12}\.partial$/.exec(name)?.[1];
    const path = join(folder, name);
    if (
      pid !== undefined &&
      !isRunning(Number(pid)) &&
      (await isOwnFile(path))
    ) {
      await rm(path, { force: true });
    }
  }
};

/** Makes a rename in this folder survive a power cut. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Gives a finished temporary file its final name. */
export const publishFile = async (
  temporary: string,
  path: string,
): Promise<void> => {
  await rename(temporary, path);
  await syncFolder(dirname(path));
};

type WholeFile = {
  readonly path: string;
  readonly data: string | Uint8Array;
  readonly mode: number;
};

export type Owner = { readonly uid: number; readonly gid: number };

/** Undefined where there is no file yet. */
export const fileOwner = async (path: string): Promise<Owner | undefined> => {
  try {
    return await stat(path);
  } catch (error) {
    return ifAbsent(error, undefined);
  }
};

/**
 * Refuses devices and pipes, because a rename would put a file in their place; as root even in place of /dev/null.
 * @returns whether there is a file, or a link, to be replaced
 * @throws UserError FILE_UNUSABLE
 */
export const demandReplaceable = async (path: string): Promise<boolean> => {
  let found;
  try {
    found = await lstat(path);
  } catch (error) {
    return ifAbsent(error, false);
  }
  if (!found.isFile() && !found.isSymbolicLink()) {
    throw new UserError(
      "FILE_UNUSABLE",
      `${path} cannot be written: it is ${found.isDirectory() ? "a folder" : "a device, a pipe or a socket"}, not a file`,
      { state: "it is unchanged", hint: "name a regular file" },
    );
  }
  return true;
};

/** Writes the file under a temporary name and makes sure that it is on the disk; removes it again when that fails. */
const writeTemporary = async ({
  path,
  data,
  mode,
}: WholeFile): Promise<string> => {
  await demandReplaceable(path);
  const temporary = temporaryName(path);
  // Somebody who uses sudo for once keeps owning their files; others replace their own files as themselves.
  const owner = process.getuid?.() === 0 ? await fileOwner(path) : undefined;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      if (owner !== undefined) {
        await handle.chown(owner.uid, owner.gid);
      }
      await handle.writeFile(data);
      // Set once more, because the umask may have taken rights away when the file was made.
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

/**
 * Writes several whole files of one folder: readers see of each the old bytes or the new ones, never a part. They are
 * written at the same time, because each waits for the disk. A file that is replaced keeps its owner.
 */
export const writeFilesAtomically = async (
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  mode = 0o644,
): Promise<void> => {
  await makeFolder(folder);
  const written = await Promise.allSettled(
    Object.entries(files).map(async ([name, data]) => {
      const path = join(folder, name);
      return { path, temporary: await writeTemporary({ path, data, mode }) };
    }),
  );
  try {
    for (const result of written) {
      if (result.status === "rejected") {
        throw result.reason;
      }
    }
    for (const result of written) {
      if (result.status === "fulfilled") {
        await rename(result.value.temporary, result.value.path);
      }
    }
    await syncFolder(folder);
  } catch (error) {
    for (const result of written) {
      if (result.status === "fulfilled") {
        await rm(result.value.temporary, { force: true });
      }
    }
    throw error;
  }
};

/** Writes a whole file at once: readers see the old bytes or the new ones, never a part. */
export const writeFileAtomically = (
  path: string,
  data: string | Uint8Array,
  mode = 0o644,
): Promise<void> =>
  writeFilesAtomically(dirname(path), { [basename(path)]: data }, mode);
