// An .xz file of which only the requested parts are on this machine: random access, and nothing else.
import { open } from "node:fs/promises";
import { checkImageSize } from "../chunks.ts";
import { imageRefused } from "../damage.ts";
import type { ImageReader } from "../../reader.ts";
import { type Demand, readXzIndex } from "./xz-index.ts";
import { MAX_SOURCE_BLOCK, xzSource } from "./xz-source.ts";

/**
 * Opens the file, whose size must be right; `demand` brings bytes before they are read. Throws IMAGE_REFUSED for one that
 * cannot be entered in the middle, and what `openImage` throws.
 */
export const openXzParts = async (
  path: string,
  demand: Demand,
): Promise<ImageReader> => {
  const file = await open(path, "r");
  try {
    const index = await readXzIndex(path, file, demand);
    checkImageSize(path, index.size);
    if (index.blocks < 2 || index.largest > MAX_SOURCE_BLOCK) {
      throw imageRefused(
        path,
        "its blocks are too large to be read one by one",
        "fetch the whole file",
      );
    }
    const source = xzSource({ path, file, index, demand });
    return {
      path,
      format: "xz",
      size: index.size,
      source,
      chunks: () => {
        throw new Error("only parts of this file are here");
      },
      close: async () => {
        await source.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
