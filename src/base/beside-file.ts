// A small file that a publisher has put beside an image on this computer: a list, its signature or a key.
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isMissingBeside } from "../system/read-if-there.ts";
import { checksumListWrong, listUnreadable } from "./checksum-list.ts";

/** Lists of whole archives are smaller; beyond this the file is something else. */
const MAX_SIZE = 1024 * 1024;

/** Undefined where there is none. Throws CHECKSUM_LIST_WRONG for one that cannot be read or is too large. */
export const readBeside = async (path: string): Promise<Buffer | undefined> => {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if ((await file.stat()).size > MAX_SIZE) {
        throw checksumListWrong(
          path,
          `is larger than ${MAX_SIZE} bytes, so it is not what its name says`,
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (await isMissingBeside(path, error)) {
      return undefined;
    }
    throw listUnreadable(path, error);
  }
};
