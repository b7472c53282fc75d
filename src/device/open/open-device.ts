// Opens a block device exclusively and makes sure that it is still the one that was checked.
import { existsSync, readFileSync } from "node:fs";
import { platform } from "node:process";
import { ifOneOf, NOT_FOR_US } from "../../report/expected-failure.ts";
import type { BlockDevice } from "../block-device.ts";
import type { DeviceHandle } from "./device-handle.ts";
import { deviceNumber } from "../look/device-number.ts";
import {
  demandMediumSeen,
  discardAll,
  forgetCopies,
  readTableAnew,
} from "../helper/device-work.ts";
import {
  changedError,
  givenDevice,
  sameDevice,
} from "../helper/given-device.ts";
import { openAlone } from "./open-direct.ts";
import { readOnlyError } from "./open-errors.ts";
import type { OpenTarget, Prove } from "./opened-target.ts";
import { writeAt } from "../../system/exact-io.ts";
import { readTarget } from "./target-io.ts";
import type { DeviceTarget } from "../target.ts";
import { UserError } from "../../report/user-error.ts";
import { lockDescriptor } from "../../system/flock.ts";

// Keeps udev, and with it desktops that mount every disk they see, away from a disk while it is written.

/** udev itself takes less than this to examine a disk. */
const WAIT_SECONDS = 5;

/**
 * Takes the lock that udev honours (https://systemd.io/BLOCK_DEVICE_LOCKING/), until the handle is closed.
 * @throws UserError TARGET_IN_USE when another program holds it
 */
const lockAgainstUdev = async (
  handle: Pick<DeviceHandle, "fd">,
  path: string,
): Promise<void> => {
  if (platform !== "linux") {
    return;
  }
  if (!(await lockDescriptor(handle.fd, { seconds: WAIT_SECONDS }))) {
    throw new UserError(
      "TARGET_IN_USE",
      `${path} is in use: another program holds its lock`,
      {
        state: "nothing was written",
        hint: "wait for the other program that writes to it, such as a partition editor or an installer",
      },
    );
  }
};

/** The name may have moved to another card since the check. */
const proveIdentity = async (
  handle: DeviceHandle,
  { path, device }: DeviceTarget,
  listDevices: () => Promise<readonly BlockDevice[]>,
): Promise<void> => {
  const { rdev } = await handle.stat({ bigint: true });
  const now = (await listDevices()).find(
    (candidate) => candidate.path === device.path,
  );
  const opened =
    device.number === undefined || deviceNumber(rdev) === device.number;
  if (!opened || !sameDevice(device, now)) {
    throw changedError(path);
  }
  // Linux lets a write-protected device be opened for writing, and refuses only the writes.
  if (now?.readOnly === true) {
    throw readOnlyError(path);
  }
};

/** What the kernel keeps of a disk while it is there; undefined when it has gone. */
const kernelFacts = (number: string): string | undefined => {
  const folder = `/sys/dev/block/${number}`;
  try {
    const size = readFileSync(`${folder}/size`, "utf8");
    // Linux before 5.15 has no sequence numbers.
    const sequence = existsSync(`${folder}/diskseq`)
      ? readFileSync(`${folder}/diskseq`, "utf8")
      : "";
    return `${size}${sequence}`;
  } catch (error) {
    return ifOneOf(error, NOT_FOR_US, undefined);
  }
};

/**
 * Returns a check whether the medium has gone since. It is synchronous, because all of Node's threads may hang in requests to
 * the disk.
 */
const goneSince = ({ number }: BlockDevice): (() => boolean) => {
  if (platform !== "linux" || number === undefined) {
    return () => false;
  }
  const before = kernelFacts(number);
  return () => kernelFacts(number) !== before;
};

/** A device that was handed to us was opened some time ago: its reader may hold another card by now. */
const open = async ({ device, path }: DeviceTarget) => {
  const given = await givenDevice(device, path, "write");
  if (given === undefined) {
    return openAlone(device.path);
  }
  await demandMediumSeen(device.path);
  return given;
};

export const openDevice = async (
  target: DeviceTarget,
  listDevices: () => Promise<readonly BlockDevice[]>,
  prove: Prove,
): Promise<OpenTarget> => {
  const { device, path } = target;
  const { handle, direct } = await open(target);
  try {
    await proveIdentity(handle, target, listDevices);
    await prove(await handle.stat({ bigint: true }));
    await lockAgainstUdev(handle, path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  const gone = goneSince(device);
  return {
    path,
    kind: "device",
    size: device.size,
    blockSize: Math.max(device.logicalBlock, 512),
    readBack: "medium",
    // The raw node of macOS has no cache either.
    direct: direct || platform === "darwin",
    write: (data, offset) => writeAt(handle, data, offset),
    read: (into, offset) => readTarget(handle, into, offset),
    flush: () => handle.datasync(),
    forget: async () => {
      if (!direct) {
        await forgetCopies(device.path);
      }
    },
    discard: (signal) => discardAll(device.path, signal),
    settle: async () => undefined,
    present: async () => {
      const devices = await listDevices();
      return devices.some((candidate) => sameDevice(device, candidate));
    },
    gone,
    close: async () => {
      await handle.close();
      // Only now, because the kernel refuses while the disk is open exclusively.
      await readTableAnew(device.path);
    },
  };
};
