// Opens a path past the page cache where the system can.
import { constants, type FileHandle, open } from "node:fs/promises";
import { platform } from "node:process";
import { errnoCode } from "./errno.ts";

type Opened = { readonly handle: FileHandle; readonly direct: boolean };

/** Every file system of Linux that has no direct I/O says so with EINVAL (open(2)). */
export const openDirect = async (
  path: string,
  flags: number,
  mode?: number,
): Promise<Opened> => {
  // macOS has no such flag; there the raw device /dev/rdiskN bypasses the cache.
  if (platform !== "linux") {
    return { handle: await open(path, flags, mode), direct: false };
  }
  try {
    const handle = await open(path, flags | constants.O_DIRECT, mode);
    return { handle, direct: true };
  } catch (error) {
    if (errnoCode(error) !== "EINVAL") {
      throw error;
    }
    return { handle: await open(path, flags, mode), direct: false };
  }
};
