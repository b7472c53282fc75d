// What an earlier build left for a node: its space counts as free for the new result, and it must not be taken for that
// result.
import { rm, stat } from "node:fs/promises";
import { bytesOnDisk } from "../system/bytes-on-disk.ts";
import { ifAbsent } from "../report/expected-failure.ts";
import { BUILD_FORMATS, nodePaths } from "./plan-build.ts";

const bytesIfThere = async (path: string): Promise<number> => {
  try {
    return bytesOnDisk(await stat(path));
  } catch (error) {
    return ifAbsent(error, 0);
  }
};

/** The paths of this node's results, in every format. */
const resultPaths = (out: string, node: string): readonly string[] =>
  BUILD_FORMATS.flatMap((format) => {
    const { image, patch } = nodePaths(out, node, format);
    return [image ?? patch].filter((path) => path !== undefined);
  });

/** Removes older images of this node in other formats, which could be taken for the new one. */
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

/** The space that earlier results of this node take on the disk, and that becomes free when the new one replaces them. */
export const replacedBytes = async (
  out: string,
  node: string,
): Promise<number> => {
  let bytes = 0;
  for (const path of resultPaths(out, node)) {
    bytes += await bytesIfThere(path);
  }
  return bytes;
};
