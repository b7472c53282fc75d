// Opens a block device for us alone and makes sure that it is still the one that was checked.
import { constants, type FileHandle } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { platform } from "node:process";
import { ifOneOf, NOT_FOR_US } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { asRoot } from "../system/privileges.ts";
import { tryTool } from "../system/run-tool.ts";
import type { BlockDevice } from "./block-device.ts";
import { deviceNumber } from "./device-number.ts";
import { readOnlyError } from "./open-errors.ts";
import { openDirect, rawNode } from "./open-direct.ts";
import type { OpenTarget, Prove } from "./opened-target.ts";
import { readFully, writeFully } from "./target-io.ts";
import type { DeviceTarget } from "./target.ts";
import { lockAgainstUdev } from "./udev-lock.ts";

const sameDevice = (a: BlockDevice, b: BlockDevice | undefined): boolean =>
  b !== undefined &&
  a.number === b.number &&
  a.size === b.size &&
  a.serial === b.serial &&
  a.diskSequence === b.diskSequence;

/** The name may have moved to another card since the check. */
const proveIdentity = async (
  handle: FileHandle,
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
    throw new UserError(
      "TARGET_CHANGED",
      `${path} is no longer the device that was checked a moment ago`,
      {
        state: "nothing was written",
        hint: "check `pi-image devices` and start again",
      },
    );
  }
  // Linux opens a write-protected device for writing, and only refuses the writes.
  if (now?.readOnly === true) {
    throw readOnlyError(path);
  }
};

/** Best effort: many devices cannot do what is asked, and a system may lack the tool. */
const tryLinuxTool = async (
  tool: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<void> => {
  try {
    if (platform === "linux") {
      await tryTool(tool, args, { signal, asRoot: true });
    }
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
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
 * Whether the medium has gone since this was called. It asks at once and without Node's threads, all of which may hang in
 * requests to the disk.
 */
const goneSince = ({ number }: BlockDevice): (() => boolean) => {
  if (platform !== "linux" || number === undefined) {
    return () => false;
  }
  const before = kernelFacts(number);
  return () => kernelFacts(number) !== before;
};

export const openDevice = async (
  target: DeviceTarget,
  listDevices: () => Promise<readonly BlockDevice[]>,
  prove: Prove,
): Promise<OpenTarget> => {
  const { device, path } = target;
  const node = rawNode(device.path);
  // O_EXCL without O_CREAT asks Linux for the device alone: it fails while it is mounted or held, and nothing can
  // mount it while we write (open(2)).
  const alone = platform === "linux" ? constants.O_EXCL : 0;
  const { handle, direct } = await asRoot(() =>
    openDirect(node, constants.O_RDWR | alone),
  );
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
    write: (data, offset) => writeFully(handle, data, offset),
    read: (into, offset) => readFully(handle, into, offset),
    flush: () => handle.datasync(),
    forget: async () => {
      if (!direct) {
        await tryLinuxTool("blockdev", ["--flushbufs", node]);
      }
    },
    // --force: it would ask for the device alone, as we have it already.
    discard: (signal) => tryLinuxTool("blkdiscard", ["--force", node], signal),
    settle: async () => undefined,
    present: async () => {
      const devices = await listDevices();
      return devices.some((candidate) => sameDevice(device, candidate));
    },
    gone,
    close: async () => {
      await handle.close();
      // Only now, because the kernel refuses while somebody has the disk alone. It fails on kernels without partition
      // scan, and where no partition node is needed.
      await tryLinuxTool("blockdev", ["--rereadpt", node]);
    },
  };
};
