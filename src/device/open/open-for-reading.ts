// Opens a target to read it back, past the page cache, without changing anything.
import { constants } from "node:fs/promises";
import { platform } from "node:process";
import { type DeviceHandle } from "./device-handle.ts";
import { givenDevice } from "../helper/given-device.ts";
import { openDirect, rawNode } from "./open-direct.ts";
import { openError } from "./open-errors.ts";
import type { ReadBack } from "./opened-target.ts";
import { readTarget } from "./target-io.ts";
import type { UsableTarget } from "../target.ts";

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

type Opened = {
  readonly handle: DeviceHandle;
  readonly direct: boolean;
  readonly close: () => Promise<void>;
};

const open = async (target: UsableTarget): Promise<Opened> => {
  const given =
    target.kind === "device"
      ? await givenDevice(target.device, target.path, "read")
      : undefined;
  if (given !== undefined) {
    // Kept open, because it may be read again, or written; it closes with the process.
    return { ...given, close: async () => undefined };
  }
  const opened = await openDirect(
    target.kind === "device" ? rawNode(target.device.path) : target.realPath,
    constants.O_RDONLY,
  );
  return { ...opened, close: () => opened.handle.close() };
};

/** @throws UserError TARGET_NO_PERMISSION, TARGET_NO_MEDIUM, TARGET_MISSING, TARGET_IN_USE */
export const openForReading = async (
  target: UsableTarget,
): Promise<ReadTarget> => {
  try {
    const { handle, direct, close } = await open(target);
    return {
      path: target.path,
      size: target.kind === "device" ? target.device.size : target.size,
      readBack:
        direct || (platform === "darwin" && target.kind === "device")
          ? "medium"
          : "page cache",
      read: (into, offset, needed) => readTarget(handle, into, offset, needed),
      close,
    };
  } catch (error) {
    throw openError(error, target);
  }
};
