// A folder that is a disk of its own in memory, gone after the test: with little room, or read-only.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterThisTest, run, temporaryFolder } from "./loop.ts";

/** Mounts it over a new folder; options are those of tmpfs, such as "size=64k" or "ro". */
export const mountMemory = (folder: string, options: string): void => {
  mkdirSync(folder);
  // Of its own, a tmpfs is open to everybody, like /tmp.
  const all = `mode=0700,${options}`;
  run("mount", "-t", "tmpfs", "-o", all, "pi-image-test", folder);
  afterThisTest(() => run("umount", folder));
};

/** Gives the folder. */
export const memoryDisk = (options: string): string => {
  const folder = join(temporaryFolder(), "disk");
  mountMemory(folder, options);
  return folder;
};
