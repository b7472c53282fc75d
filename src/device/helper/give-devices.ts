// In the helper with root's rights: opens the devices that the command line names, where they may be used for that.
import { constants, type FileHandle, stat } from "node:fs/promises";
import type { BlockDevice } from "../block-device.ts";
import { deviceNumber } from "../look/device-number.ts";
import { doHere } from "./device-work.ts";
import { changedError } from "./given-device.ts";
import { inspectTarget } from "../look/inspect-target.ts";
import { openAlone, openDirect, rawNode } from "../open/open-direct.ts";
import { orAbsent } from "../or-absent.ts";
import { packError, type PackedError } from "./packed-error.ts";
import {
  DEFAULT_MAX_SIZE,
  deviceRefusals,
  sameSerial,
  type Wish,
} from "../target-rules.ts";

/** What a command line asks for. */
export type WantedDevices =
  | { readonly use: "nothing" }
  /** To look at each that could be written. */
  | { readonly use: "look" }
  | { readonly use: "read"; readonly paths: readonly string[] }
  | {
      readonly use: "write";
      readonly paths: readonly string[];
      readonly allowFixed: boolean;
      /** Bytes. */
      readonly maxSize: number;
      /** Each device must have one of these, where any is given. */
      readonly serials: readonly string[];
    };

export type OpenedDevice = {
  readonly device: BlockDevice;
  readonly writable: boolean;
  readonly opened:
    | { readonly handle: FileHandle; readonly direct: boolean }
    | { readonly error: PackedError };
};

const list = async (): Promise<readonly BlockDevice[]> =>
  (await doHere({ do: "list" })) as readonly BlockDevice[];

const openOne = async (
  device: BlockDevice,
  writable: boolean,
): Promise<OpenedDevice> => {
  try {
    const opened = await (writable
      ? openAlone(device.path)
      : openDirect(rawNode(device.path), constants.O_RDONLY));
    const { rdev } = await opened.handle.stat({ bigint: true });
    if (device.number !== undefined && deviceNumber(rdev) !== device.number) {
      await opened.handle.close();
      throw changedError(device.path);
    }
    return { device, writable, opened };
  } catch (error) {
    return { device, writable, opened: { error: packError(error) } };
  }
};

/** The devices behind these names; anything but a whole device is opened, or refused, without root's rights. */
const devicesAt = async (
  paths: readonly string[],
): Promise<readonly BlockDevice[]> => {
  const found: BlockDevice[] = [];
  for (const path of paths) {
    const stats = await orAbsent(stat(path));
    if (stats?.isBlockDevice() === true) {
      const target = await inspectTarget(path, list);
      if (target.kind === "device") {
        found.push(target.device);
      }
    }
  }
  return found;
};

const openEach = async (
  devices: readonly BlockDevice[],
  writable: boolean,
): Promise<readonly OpenedDevice[]> => {
  const opened: OpenedDevice[] = [];
  for (const device of devices) {
    opened.push(await openOne(device, writable));
  }
  return opened;
};

const isAllowed = (device: BlockDevice, wish: Wish): boolean =>
  deviceRefusals(device, wish).length === 0;

/**
 * Opens the wanted devices; for one that could not be opened, the reason takes its place. A device that the rules refuse
 * is left out: the process that asked for it says why.
 * @throws UserError TOOL_MISSING, TOOL_FAILED
 */
export const openWanted = async (
  wanted: WantedDevices,
): Promise<readonly OpenedDevice[]> => {
  switch (wanted.use) {
    case "nothing":
      return [];
    case "look": {
      const wish = { allowFixed: false, maxSize: DEFAULT_MAX_SIZE };
      const devices = (await list()).filter((one) => isAllowed(one, wish));
      return openEach(devices, false);
    }
    case "read":
      return openEach(await devicesAt(wanted.paths), false);
    case "write": {
      const { allowFixed, maxSize, serials } = wanted;
      const devices = (await devicesAt(wanted.paths)).filter((device) => {
        const serial =
          serials.find((one) => sameSerial(device.serial, one)) ?? serials[0];
        return isAllowed(device, { allowFixed, maxSize, serial });
      });
      return openEach(devices, true);
    }
  }
};
