// Opens a target for writing, whatever it is.
import type { BlockDevice } from "../block-device.ts";
import { openDevice } from "./open-device.ts";
import { openError } from "./open-errors.ts";
import { openFile } from "./open-file.ts";
import type { OpenTarget, Prove } from "./opened-target.ts";
import type { UsableTarget } from "../target.ts";

/**
 * Opens the target. Nothing is written yet, but a file that did not exist is created.
 * @param imageSize bytes of the raw image; a smaller target file grows to it
 * @param listDevices finds the device again after opening
 * @param prove throws where what was opened must not be written
 * @throws UserError TARGET_IN_USE, TARGET_NO_PERMISSION, TARGET_NO_MEDIUM, TARGET_READ_ONLY, TARGET_MISSING, TARGET_CHANGED
 */
export const openTarget = async (
  target: UsableTarget,
  imageSize: number,
  listDevices: () => Promise<readonly BlockDevice[]>,
  prove: Prove = async () => undefined,
): Promise<OpenTarget> => {
  try {
    return target.kind === "device"
      ? await openDevice(target, listDevices, prove)
      : await openFile(target, imageSize, prove);
  } catch (error) {
    throw openError(error, target);
  }
};
