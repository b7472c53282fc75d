// Opens a regular file as a target: for virtual machines, and for trying things out.
import { constants, type FileHandle } from "node:fs/promises";
import { platform } from "node:process";
import { openDirect } from "./open-direct.ts";
import type { OpenTarget, Prove } from "./opened-target.ts";
import { writeAt } from "../../system/exact-io.ts";
import { readTarget } from "./target-io.ts";
import type { FileTarget } from "../target.ts";
import { UserError } from "../../report/user-error.ts";
import { lockDescriptor } from "../../system/flock.ts";

// Keeps a second pi-image away from a target file while the first one writes it.

/**
 * Locks the open file until the handle is closed. Only on Linux: elsewhere two runs that write one file are not noticed.
 * @throws UserError TARGET_IN_USE
 */
const lockTargetFile = async (
  handle: FileHandle,
  path: string,
): Promise<void> => {
  if (platform !== "linux") {
    return;
  }
  if (!(await lockDescriptor(handle.fd, { seconds: 0 }))) {
    throw new UserError(
      "TARGET_IN_USE",
      `another program, perhaps a second pi-image, is writing to ${path}`,
      {
        state: "this run wrote nothing",
        hint: "wait for it, or choose another target",
      },
    );
  }
};

/** The largest block that a file system of Linux has asked for direct I/O. */
const FILE_BLOCK = 4096;

export const openFile = async (
  target: FileTarget,
  imageSize: number,
  prove: Prove,
): Promise<OpenTarget> => {
  const { path, realPath } = target;
  // Without O_EXCL: where direct I/O is refused, the first try has created the file all the same.
  const create = target.exists ? 0 : constants.O_CREAT;
  const { handle, direct } = await openDirect(
    realPath,
    constants.O_RDWR | create,
    // An image carries the keys of its node.
    0o600,
  );
  try {
    await lockTargetFile(handle, path);
    await prove(await handle.stat({ bigint: true }));
    const { size: before } = await handle.stat();
    const size = Math.max(before, imageSize);
    return {
      path,
      kind: "file",
      size,
      blockSize: direct ? FILE_BLOCK : 512,
      readBack: direct ? "medium" : "page cache",
      direct,
      write: (data, offset) => writeAt(handle, data, offset),
      read: (into, offset) => readTarget(handle, into, offset),
      flush: () => handle.sync(),
      forget: async () => undefined,
      discard: async () => {
        await handle.truncate(0);
        await handle.truncate(size);
      },
      settle: () => handle.truncate(size),
      present: async () => true,
      gone: () => false,
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
};
