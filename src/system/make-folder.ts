// Makes a folder with those above it.
import { mkdir, opendir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../report/expected-failure.ts";

/** @param mode of the folders that are made */
const makeOne = async (path: string, mode: number): Promise<void> => {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") {
      throw error;
    }
    // What has this name may not be a folder; then opening it says so.
    await (await opendir(path)).close();
  }
};

/**
 * Node's own recursive mkdir never ends where the kernel says ENOENT although the folder above is there: in a working
 * folder that was deleted, and in /proc (https://github.com/nodejs/node/blob/v24.0.0/src/node_file.cc, MKDirpSync).
 */
export const makeFolder = async (path: string, mode = 0o777): Promise<void> => {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (systemCode(error) !== "ENOENT" || above === path) {
      throw error;
    }
    await makeFolder(above, mode);
    await makeOne(path, mode);
  }
};
