// Looks at what a target holds before the user is asked to give it up.
import { alignedBuffers } from "../../device/open/aligned-memory.ts";
import {
  openForReading,
  type ReadTarget,
} from "../../device/open/open-for-reading.ts";
import type { UsableTarget } from "../../device/target.ts";
import {
  type FoundFileSystem,
  lookAtDisk,
} from "../../image/look/look-disk.ts";
import type { Source } from "../../image/source.ts";
import { UserError } from "../../report/user-error.ts";

const BLOCK = 4096;
const CHUNK = 1024 ** 2;

/** How long to wait for a device: one that does not answer will be reported by the flash itself. */
const PATIENCE_MS = 20_000;

/** Allows reads at any place and of any length from a target that can only be read in whole blocks. */
const sourceOf = (target: ReadTarget): Source => {
  const [buffer = Buffer.alloc(0)] = alignedBuffers(1, CHUNK);
  return {
    size: target.size,
    read: async (offset, length) => {
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const at = offset + done;
        const start = Math.floor(at / BLOCK) * BLOCK;
        const part = Math.min(length - done, CHUNK - (at - start));
        const blocks = Math.ceil((at - start + part) / BLOCK) * BLOCK;
        await target.read(buffer.subarray(0, blocks), start, at - start + part);
        buffer.copy(bytes, done, at - start, at - start + part);
        done += part;
      }
      return bytes;
    },
    close: target.close,
  };
};

const patience = (): Promise<undefined> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(undefined), PATIENCE_MS).unref();
  });

/**
 * Undefined where the target cannot be read or takes too long: that is no reason not to write it.
 * @throws UserError when it cannot be opened, so that the user does not type its name in vain
 */
export const lookAtTarget = async (
  target: UsableTarget,
): Promise<readonly FoundFileSystem[] | undefined> => {
  if (target.kind === "file" && (!target.exists || target.size === 0)) {
    return [];
  }
  const opened = await openForReading(target);
  const sectorSize =
    target.kind === "device" && target.device.logicalBlock === 4096
      ? 4096
      : undefined;
  const looked = lookAtDisk(sourceOf(opened), sectorSize).catch(
    (error: unknown) => {
      if (
        error instanceof UserError ||
        (error instanceof Error && "errno" in error)
      ) {
        return undefined;
      }
      throw error;
    },
  );
  // Closing would wait for ever for a read that hangs, so the wait for it is limited too.
  const closed = looked.finally(opened.close);
  return Promise.race([closed, patience()]);
};
