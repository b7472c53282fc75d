// Files without a name: nobody else can open, exchange or keep them, and they are gone with the last process that has them.
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** A new, empty file for reading and writing on the folder's file system. */
export const openNameless = async (folder: string): Promise<FileHandle> => {
  // O_EXCL follows no link, and a name that nobody can guess takes nothing of others away when it is removed.
  const name = join(folder, `.pi-image-${randomBytes(16).toString("hex")}`);
  const handle = await open(name, "wx+", 0o600);
  try {
    await rm(name, { force: true });
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
};
