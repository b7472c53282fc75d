// Opens a target to read it back, past the page cache, without changing anything.
import { constants } from "node:fs/promises";
import { platform } from "node:process";
import { asRoot } from "../system/privileges.ts";
import { openDirect, rawNode } from "./open-direct.ts";
import { openError } from "./open-errors.ts";
import type { ReadBack } from "./opened-target.ts";
import { readFully } from "./target-io.ts";
import type { UsableTarget } from "./target.ts";

export type ReadTarget = {
  readonly path: string;
  readonly size: number;
  readonly readBack: ReadBack;
  /** Fills at least the first `needed` bytes of `into`, whose address and length are multiples of 4096. */
  readonly read: (
    into: Uint8Array,
    offset: number,
    needed: number,
  ) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** @throws UserError TARGET_NO_PERMISSION, TARGET_NO_MEDIUM, TARGET_MISSING, TARGET_IN_USE */
export const openForReading = async (
  target: UsableTarget,
): Promise<ReadTarget> => {
  const path =
    target.kind === "device" ? rawNode(target.device.path) : target.realPath;
  try {
    const open = () => openDirect(path, constants.O_RDONLY);
    const { handle, direct } = await (target.kind === "device"
      ? asRoot(open)
      : open());
    return {
      path: target.path,
      size: target.kind === "device" ? target.device.size : target.size,
      readBack:
        direct || (platform === "darwin" && target.kind === "device")
          ? "medium"
          : "page cache",
      read: (into, offset, needed) => readFully(handle, into, offset, needed),
      close: () => handle.close(),
    };
  } catch (error) {
    throw openError(error, target);
  }
};
