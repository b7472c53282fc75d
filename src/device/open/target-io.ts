// Whole reads and writes at an offset: the kernel may do a part of what it is asked for.
import { UserError } from "../../report/user-error.ts";
import type { DeviceHandle } from "./device-handle.ts";

export const writeFully = async (
  handle: Pick<DeviceHandle, "write">,
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
  handle: Pick<DeviceHandle, "read">,
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
