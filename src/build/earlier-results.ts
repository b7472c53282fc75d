// What an earlier build left of a node: it makes room for the new result, and must not be taken for it.
import { rm, stat } from "node:fs/promises";
import { ifAbsent } from "../report/expected-failure.ts";
import { BUILD_FORMATS, nodePaths } from "./plan-build.ts";

/** stat(2) counts these whatever the file system's block size is. */
const STAT_BLOCK = 512;

const bytesOnDisk = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).blocks * STAT_BLOCK;
  } catch (error) {
    return ifAbsent(error, 0);
  }
};

/** Where the results of this node are, in every format. */
const resultPaths = (out: string, node: string): readonly string[] =>
  BUILD_FORMATS.flatMap((format) => {
    const { image, patch } = nodePaths(out, node, format);
    return [image ?? patch].filter((path) => path !== undefined);
  });

/** An older image of this node in another format would be taken for the new one. */
export const removeOthers = async (
  out: string,
  node: string,
  keep: string,
): Promise<void> => {
  for (const path of resultPaths(out, node)) {
    if (path !== keep) {
      await rm(path, { force: true });
    }
  }
};

/** What earlier results of this node take on the disk: the new one takes their place. */
export const replacedBytes = async (
  out: string,
  node: string,
): Promise<number> => {
  let bytes = 0;
  for (const path of resultPaths(out, node)) {
    bytes += await bytesOnDisk(path);
  }
  return bytes;
};
