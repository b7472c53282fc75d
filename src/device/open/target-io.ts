// Reads from an open target, which must not end before its own size.
import { UserError } from "../../report/user-error.ts";
import { readAt } from "../../system/exact-io.ts";
import type { DeviceHandle } from "./device-handle.ts";

/**
 * Fills at least the first `needed` bytes; a file may end inside its last block.
 * @throws UserError TARGET_GONE when the target has become shorter
 */
export const readTarget = async (
  handle: Pick<DeviceHandle, "read">,
  into: Uint8Array,
  offset: number,
  needed = into.length,
): Promise<void> => {
  const done = await readAt(handle, into, offset, needed);
  if (done < needed) {
    throw new UserError(
      "TARGET_GONE",
      `the target ends at byte ${offset + done}, before its own size`,
    );
  }
};
