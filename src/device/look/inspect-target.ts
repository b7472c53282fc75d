// Finds out what a TARGET argument is, without opening it.
import { lstat, readFile, realpath, stat, statfs } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { platform } from "node:process";
import {
  ifAbsent,
  ifSystem,
  isAbsent,
  systemCode,
} from "../../report/expected-failure.ts";
import { errnoWords } from "../../system/errno-words.ts";
import type { BlockDevice } from "../block-device.ts";
import { deviceNumber } from "./device-number.ts";
import { loopsBackedBy } from "./loop-backings.ts";
import { parseSwaps } from "./mount-table.ts";
import { orAbsent } from "../or-absent.ts";
import type { FileTarget, Target, UnusableTarget } from "../target.ts";

// Files with neither a disk nor memory of their own behind them: those of /proc, /sys and the like.

/** https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h, and what some drivers call themselves. */
const MADE_UP: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x62656570, // configfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xf97cff8c, // selinuxfs
  0x43415d53, // smackfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x7655821, // resctrl
  0xcafe4a11, // bpf
  0xde5e81e4, // efivarfs
  0x6165676c, // pstore
  0x42494e4d, // binfmt_misc
  0x65735543, // fusectl
  0x6e736673, // nsfs
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x958458f6, // hugetlbfs
  0x67596969, // rpc_pipefs
  0x6e667364, // nfsd
]);

/** Whether the kernel itself makes up the contents there, so that no image can be kept in it. */
const isMadeUp = async (path: string): Promise<boolean> =>
  platform === "linux" &&
  // The number is signed on some machines.
  MADE_UP.has((await statfs(path)).type >>> 0);

const LIST_HINT = "`pi-image devices` lists the devices that can be written";

const unusable = (
  path: string,
  code: UnusableTarget["code"],
  what: string,
  hint = LIST_HINT,
): UnusableTarget => ({
  kind: "unusable",
  path,
  code,
  reason: `${path} ${what}`,
  hint,
});

/** What has this name; otherwise the system's error. */
const statOf = async (path: string): Promise<BigIntStats | Error> => {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    return ifSystem(error, error as Error);
  }
};

const isLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    return ifAbsent(error, false);
  }
};

/** A file in /dev fills memory and looks like a device; it is usually left by a `dd` to a device that was not there. */
const inDeviceFolder = (path: string): boolean =>
  path.startsWith("/dev/") && !path.startsWith("/dev/shm/");

const madeUp = (path: string): UnusableTarget =>
  unusable(
    path,
    "TARGET_NOT_A_DEVICE",
    "exists only inside the kernel, like everything in /proc and /sys",
  );

const inspectMissing = async (path: string, error: Error): Promise<Target> => {
  const full = resolve(path);
  if (!isAbsent(error)) {
    const words = errnoWords(systemCode(error));
    return unusable(
      path,
      "TARGET_MISSING",
      `cannot be reached: ${words?.why ?? error.message}`,
      words?.hint,
    );
  }
  if (await isLink(path)) {
    return unusable(path, "TARGET_MISSING", "is a symbolic link to nothing");
  }
  if (inDeviceFolder(full)) {
    return unusable(path, "TARGET_MISSING", "does not exist");
  }
  const folder = await statOf(dirname(full));
  if (folder instanceof Error || !folder.isDirectory()) {
    return unusable(
      path,
      "TARGET_MISSING",
      `cannot be created: there is no folder ${dirname(full)} that you may enter`,
    );
  }
  if (await isMadeUp(dirname(full))) {
    return madeUp(path);
  }
  return {
    kind: "file",
    path,
    realPath: join(await realpath(dirname(full)), basename(full)),
    exists: false,
    size: 0,
    loops: [],
    swap: false,
  };
};

const readOr = async (path: string): Promise<string> =>
  (await orAbsent(readFile(path, "utf8"))) ?? "";

const inspectFile = async (
  path: string,
  stats: BigIntStats,
): Promise<FileTarget | UnusableTarget> => {
  const realPath = await realpath(path);
  if (inDeviceFolder(realPath)) {
    return unusable(
      path,
      "TARGET_NOT_A_DEVICE",
      "is a regular file that someone wrote where a device was expected",
      `remove it (rm ${path}) and check which name the card has now: pi-image devices`,
    );
  }
  if (await isMadeUp(realPath)) {
    return madeUp(path);
  }
  return {
    kind: "file",
    path,
    realPath,
    exists: true,
    size: Number(stats.size),
    loops: (await loopsBackedBy(stats)).map((name) => `/dev/${name}`),
    swap: parseSwaps(await readOr("/proc/swaps")).includes(realPath),
  };
};

const inspectBlock = async (
  path: string,
  stats: BigIntStats,
  devices: readonly BlockDevice[],
): Promise<Target> => {
  const realPath = await realpath(path);
  const number = deviceNumber(stats.rdev);
  const device = devices.find((candidate) =>
    candidate.number === undefined
      ? candidate.path === realPath
      : candidate.number === number,
  );
  if (device !== undefined) {
    return {
      kind: "device",
      path,
      byId: resolve(path).startsWith("/dev/disk/by-id/"),
      device,
    };
  }
  const disk = devices.find(({ partitions }) =>
    partitions.some((partition) => partition.path === realPath),
  );
  return disk === undefined
    ? unusable(
        path,
        "TARGET_NOT_A_DEVICE",
        "is a block device that this system does not list as a disk",
      )
    : unusable(
        path,
        "TARGET_IS_PARTITION",
        `is a partition of ${disk.path}; an image needs the whole disk`,
        `if that is the card you mean, give ${disk.path}`,
      );
};

/**
 * What the path means; the target rules decide whether it may be written.
 * @param listDevices asked only when the path is a block device
 */
export const inspectTarget = async (
  path: string,
  listDevices: () => Promise<readonly BlockDevice[]>,
): Promise<Target> => {
  const stats = await statOf(path);
  if (stats instanceof Error) {
    return inspectMissing(path, stats);
  }
  if (stats.isBlockDevice()) {
    return inspectBlock(path, stats, await listDevices());
  }
  if (stats.isFile()) {
    return inspectFile(path, stats);
  }
  const what = stats.isDirectory()
    ? "is a folder"
    : stats.isCharacterDevice()
      ? "is a character device, not a disk"
      : stats.isFIFO()
        ? "is a named pipe"
        : "is a socket";
  return unusable(path, "TARGET_NOT_A_DEVICE", what);
};
