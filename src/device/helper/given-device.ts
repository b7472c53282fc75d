// The devices that the helper has opened for this process, and what they were at that moment.
import { UserError } from "../../report/user-error.ts";
import { askHelper, hasHelper } from "./ask-helper.ts";
import type { BlockDevice } from "../block-device.ts";
import { type DeviceHandle, handleOf } from "../open/device-handle.ts";
import { type PackedError, unpackError } from "./packed-error.ts";

export type GivenDevice = {
  readonly device: BlockDevice;
  readonly opened:
    | {
        /**
         * Its number in the process that it was given to. Programs started there do not inherit it, because Node marks all
         * descriptors that it finds open at its start (uv_disable_stdio_inheritance).
         */
        readonly fd: number;
        readonly direct: boolean;
        readonly writable: boolean;
      }
    | { readonly error: PackedError };
};

/** Whether it is the same device with the same medium. */
export const sameDevice = (
  a: BlockDevice,
  b: BlockDevice | undefined,
): boolean =>
  b !== undefined &&
  a.number === b.number &&
  a.size === b.size &&
  a.serial === b.serial &&
  a.diskSequence === b.diskSequence;

export const changedError = (path: string): UserError =>
  new UserError(
    "TARGET_CHANGED",
    `${path} is no longer the device that was checked a moment ago`,
    {
      state: "nothing was written",
      hint: "check `pi-image devices` and start again",
    },
  );

let asked: Promise<readonly GivenDevice[]> | undefined;

/**
 * The descriptor that was opened for this device; undefined where this process opens devices itself.
 * @param path for messages
 * @throws UserError TARGET_CHANGED when another device was there at the start; the operating system's error
 */
export const givenDevice = async (
  device: BlockDevice,
  path: string,
  use: "read" | "write",
): Promise<
  { readonly handle: DeviceHandle; readonly direct: boolean } | undefined
> => {
  if (!hasHelper()) {
    return undefined;
  }
  asked ??= askHelper({ do: "given" }) as Promise<readonly GivenDevice[]>;
  const given = (await asked).find((one) => sameDevice(one.device, device));
  if (given === undefined) {
    throw changedError(path);
  }
  const { opened } = given;
  if ("error" in opened) {
    throw unpackError(opened.error);
  }
  if (use === "write" && !opened.writable) {
    throw changedError(path);
  }
  return { handle: handleOf(opened.fd), direct: opened.direct };
};
