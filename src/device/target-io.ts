// Whole reads and writes at an offset: the kernel may do a part of what it is asked for.
import type { FileHandle } from "node:fs/promises";
import { UserError } from "../report/user-error.ts";

export const writeFully = async (
  handle: FileHandle,
  data: Uint8Array,
  offset: number,
): Promise<void> => {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await handle.write(
      data,
      done,
      data.length - done,
      offset + done,
    );
    done += bytesWritten;
  }
};

/**
 * Fills at least the first `needed` bytes; a file may end inside its last block.
 * @throws UserError TARGET_GONE when the target has become shorter
 */
export const readFully = async (
  handle: FileHandle,
  into: Uint8Array,
  offset: number,
  needed = into.length,
): Promise<void> => {
  let done = 0;
  while (done < needed) {
    const { bytesRead } = await handle.read(
      into,
      done,
      into.length - done,
      offset + done,
    );
    if (bytesRead === 0) {
      throw new UserError(
        "TARGET_GONE",
        `the target ends at byte ${offset + done}, before its own size`,
      );
    }
    done += bytesRead;
  }
};
