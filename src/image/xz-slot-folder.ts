// Where decoders put their files: in memory, and gone when the run is gone.
import { constants } from "node:fs";
import { access, mkdtemp, readdir, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ifSystem } from "../report/expected-failure.ts";
import { isRunning } from "../system/atomic-file.ts";

/** The process id tells whose folder it is. */
const PREFIX = "pi-image-xz-";
const ABANDONED_MS = 3600 * 1000;

/** Removes folders of runs that were killed together with their lanes: what is left there takes memory. */
const removeAbandoned = async (parent: string): Promise<void> => {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) {
      continue;
    }
    const folder = join(parent, name);
    // A container that shares this folder has process ids of its own; its folders are young.
    const { mtimeMs } = await stat(folder);
    if (mtimeMs + ABANDONED_MS < Date.now()) {
      await rm(folder, { recursive: true, force: true });
    }
  }
};

/** A new folder whose files stay in memory where the system has one with room, else the folder for temporary files. */
export const makeSlotFolder = async (room: number): Promise<string> => {
  const memory = "/dev/shm";
  const name = `${PREFIX}${process.pid}-`;
  try {
    await access(memory, constants.W_OK);
    // Another user's folders stay, and so does one that somebody else removes just now.
    await removeAbandoned(memory).catch((error: unknown) =>
      ifSystem(error, undefined),
    );
    const { bavail, bsize } = await statfs(memory);
    if (bavail * bsize >= room) {
      return await mkdtemp(join(memory, name));
    }
  } catch (error) {
    // No such folder, as on macOS, or one that cannot be used.
    ifSystem(error, undefined);
  }
  return mkdtemp(join(tmpdir(), name));
};
