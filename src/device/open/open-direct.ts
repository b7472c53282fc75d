// Opens a path past the page cache where the system can.
import { constants, type FileHandle, open } from "node:fs/promises";
import { platform } from "node:process";
import { systemCode } from "../../report/expected-failure.ts";

/** The node of a device that bypasses the cache: on macOS it has a name of its own. */
export const rawNode = (path: string): string =>
  platform === "darwin" ? path.replace("/dev/disk", "/dev/rdisk") : path;

type Opened = { readonly handle: FileHandle; readonly direct: boolean };

/**
 * Opens a device for a moment, which makes the kernel ask its reader about another medium. While a device is open exclusively
 * for writing, the kernel does not ask by itself (block/disk-events.c).
 */
export const lookForMedium = async (device: string): Promise<void> => {
  const handle = await open(rawNode(device), constants.O_RDONLY);
  await handle.close();
};

/**
 * Opens a device for writing, on Linux exclusively: O_EXCL without O_CREAT fails while it is mounted or held, and nothing
 * can mount it while we write (open(2)).
 */
export const openAlone = (device: string): Promise<Opened> =>
  openDirect(
    rawNode(device),
    constants.O_RDWR | (platform === "linux" ? constants.O_EXCL : 0),
  );

/** Every file system of Linux that has no direct I/O says so with EINVAL (open(2)). */
export const openDirect = async (
  path: string,
  flags: number,
  mode?: number,
): Promise<Opened> => {
  // No other system has this flag.
  if (platform !== "linux") {
    return { handle: await open(path, flags, mode), direct: false };
  }
  try {
    const handle = await open(path, flags | constants.O_DIRECT, mode);
    return { handle, direct: true };
  } catch (error) {
    if (systemCode(error) !== "EINVAL") {
      throw error;
    }
    return { handle: await open(path, flags, mode), direct: false };
  }
};
