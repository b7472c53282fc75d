// A small file that a publisher has put beside an image on this computer: a list, its signature or a key.
import { errnoReason } from "../../system/errno-words.ts";
import { readBeside } from "../../system/read-if-there.ts";
import { checksumListWrong } from "./checksum-list.ts";

/** Lists of whole archives are smaller; beyond this the file is something else. */
const MAX_SIZE = 1024 * 1024;

/**
 * Undefined only where there is no such file. Throws CHECKSUM_LIST_WRONG for one that cannot be read or is too large: it
 * must not be taken for a missing one.
 */
export const readPublished = (path: string): Promise<Buffer | undefined> =>
  readBeside(path, MAX_SIZE, {
    tooLarge: () =>
      checksumListWrong(
        path,
        `is larger than ${MAX_SIZE} bytes, so it is not what its name says`,
      ),
    unreadable: (code) =>
      checksumListWrong(
        path,
        `cannot be read: ${errnoReason(code)}`,
        "make it readable, or remove it to do without that check",
      ),
  });
