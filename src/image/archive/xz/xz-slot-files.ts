// Where decoders put their bytes: files in memory, without names where the system can open such a file again.
import { constants } from "node:fs";
import {
  access,
  type FileHandle,
  open,
  rm,
  rmdir,
  statfs,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { ifAbsent, ifSystem } from "../../../report/expected-failure.ts";
import { makePrivateFolder } from "../../../system/private-folder.ts";

// Files without a name: nobody else can open, exchange or keep them, and they are gone with the last process that has them.

/** A new, empty file for reading and writing on the folder's file system. */
const openNameless = async (folder: string): Promise<FileHandle> => {
  // O_EXCL follows no link, and since nobody can guess the name, removing it cannot remove somebody else's file.
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

/** On Linux, opening an entry opens the file again, from its start. Elsewhere /dev/fd only duplicates the descriptor. */
const DESCRIPTORS = "/proc/self/fd";

/** Descriptors 0, 1 and 2 are a lane's own. */
const FIRST = 3;

export type SlotFiles = {
  /** Descriptors that a lane inherits, in this order after its standard ones. */
  readonly inherited: readonly number[];
  /** What they take space from, in words for people. */
  readonly place: string;
  /** The folder in which a lane finds a file by its number. */
  readonly folder: string;
  /** What a lane has to remove when this process is killed: the folder, or nothing. */
  readonly removed: string;
  readonly handles: readonly FileHandle[];
  readonly close: () => Promise<void>;
};

/** The lane's number for a file. */
export const fileNumber = (index: number): number => FIRST + index;

const closeAll = async (handles: readonly FileHandle[]): Promise<void> => {
  await Promise.all(handles.map((handle) => handle.close()));
};

/** Opens all files; if one cannot be opened, none stays open. */
const openAll = async (
  count: number,
  openOne: (index: number) => Promise<FileHandle>,
): Promise<readonly FileHandle[]> => {
  const handles: FileHandle[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      handles.push(await openOne(index));
    }
    return handles;
  } catch (error) {
    await closeAll(handles);
    throw error;
  }
};

/** A folder in memory with `room` bytes, where the system has one, else the one for temporary files. */
const memoryFolder = async (room: number): Promise<string> => {
  const memory = "/dev/shm";
  try {
    await access(memory, constants.W_OK);
    const { bavail, bsize } = await statfs(memory);
    return bavail * bsize >= room ? memory : tmpdir();
  } catch (error) {
    // No such folder, as on macOS, or one that cannot be used.
    return ifSystem(error, tmpdir());
  }
};

/** Files with names, in a folder that only this user can enter. */
export const openNamedSlots = async (count: number): Promise<SlotFiles> => {
  const folder = await makePrivateFolder("pi-image-xz-");
  const pathOf = (index: number) => join(folder, String(fileNumber(index)));
  const remove = async () => {
    for (let index = 0; index < count; index += 1) {
      await rm(pathOf(index), { force: true });
    }
    // A lane that has ended may have removed it.
    await rmdir(folder).catch((error: unknown) => ifAbsent(error, undefined));
  };
  const handles = await openAll(count, (index) =>
    open(pathOf(index), "wx+", 0o600),
  ).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    inherited: [],
    place: tmpdir(),
    folder,
    removed: folder,
    handles,
    close: async () => {
      await closeAll(handles);
      await remove();
    },
  };
};

/** @param room bytes that all files together may take */
export const openSlotFiles = async (
  count: number,
  room: number,
): Promise<SlotFiles> => {
  const reopens = await access(DESCRIPTORS).then(
    () => true,
    (error: unknown) => ifSystem(error, false),
  );
  if (!reopens) {
    return openNamedSlots(count);
  }
  const memory = await memoryFolder(room);
  const handles = await openAll(count, () => openNameless(memory));
  return {
    inherited: handles.map(({ fd }) => fd),
    place: memory,
    folder: DESCRIPTORS,
    removed: "",
    handles,
    close: () => closeAll(handles),
  };
};
