// What a file or a device lies on, layer below layer, so that two names of the same bytes are recognised as such.
import type { BigIntStats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { deviceNumber } from "./device-number.ts";
import { loopBackings } from "./loop-backings.ts";
import { parseMountinfo } from "./mount-table.ts";
import { orAbsent } from "../or-absent.ts";

type Extent = "whole" | "part";

/**
 * Each file ("file 8:2 1234") and each device ("device 7:0") that something consists of. A layer counts in part where others
 * have parts of their own in it: a disk below a partition, below a volume, or below a file of its file system.
 */
export type Layers = ReadonlyMap<string, Extent>;

/** Whether writing one changes the other: they meet in a layer that one of them has as a whole. */
export const layersOverlap = (one: Layers, other: Layers): boolean =>
  [...one].some(([layer, extent]) => {
    const met = other.get(layer);
    return met !== undefined && (extent === "whole" || met === "whole");
  });

/** The devices of a file system without a device number of its own, such as btrfs. */
const mountDevices = async (path: string): Promise<readonly string[]> => {
  const table = await orAbsent(readFile("/proc/self/mountinfo", "utf8"));
  const [mount] = parseMountinfo(table ?? "")
    .filter(({ at }) => at === "/" || path === at || path.startsWith(`${at}/`))
    .toSorted((one, other) => other.at.length - one.at.length);
  if (mount === undefined || !mount.source.startsWith("/dev/")) {
    return [];
  }
  const found = [mount.source];
  // /sys/fs/btrfs/<uuid>/devices lists the members while it is mounted.
  for (const id of (await orAbsent(readdir("/sys/fs/btrfs"))) ?? []) {
    const members =
      (await orAbsent(readdir(`/sys/fs/btrfs/${id}/devices`))) ?? [];
    if (members.includes(basename(mount.source))) {
      found.push(...members.map((name) => `/dev/${name}`));
    }
  }
  return found;
};

type Below = { readonly layer: string; readonly extent: Extent };

/** The number in a folder of /sys, such as "8:0". */
const numberIn = async (folder: string): Promise<string | undefined> =>
  (await orAbsent(readFile(join(folder, "dev"), "utf8")))?.trim();

/** What lies directly below a device. */
const belowDevice = async (
  number: string,
  sys: string,
): Promise<readonly Below[]> => {
  const folder = await orAbsent(realpath(join(sys, "dev/block", number)));
  if (folder === undefined) {
    return [];
  }
  const parts = [
    ...((await orAbsent(stat(join(folder, "partition")))) === undefined
      ? []
      : [dirname(folder)]),
    ...((await orAbsent(readdir(join(folder, "slaves")))) ?? []).map((name) =>
      join(folder, "slaves", name),
    ),
  ];
  const below: Below[] = [];
  for (const part of parts) {
    const found = await numberIn(part);
    if (found !== undefined) {
      below.push({ layer: `device ${found}`, extent: "part" });
    }
  }
  if ((await orAbsent(stat(join(folder, "loop")))) !== undefined) {
    for (const backing of await loopBackings(number, folder)) {
      below.push({ layer: backing, extent: "whole" });
    }
  }
  return below;
};

/** What lies directly below a file: the device of its file system. `path` is known for the topmost file only. */
const belowFile = async (
  device: string,
  path: string | undefined,
): Promise<readonly Below[]> => {
  if (!device.startsWith("0:")) {
    return [{ layer: `device ${device}`, extent: "part" }];
  }
  const below: Below[] = [];
  for (const node of path === undefined ? [] : await mountDevices(path)) {
    const stats = await orAbsent(stat(node, { bigint: true }));
    if (stats?.isBlockDevice() === true) {
      below.push({
        layer: `device ${deviceNumber(stats.rdev)}`,
        extent: "part",
      });
    }
  }
  return below;
};

const layerOf = (
  stats: Pick<BigIntStats, "isBlockDevice" | "rdev" | "dev" | "ino">,
): string =>
  stats.isBlockDevice()
    ? `device ${deviceNumber(stats.rdev)}`
    : `file ${deviceNumber(stats.dev)} ${stats.ino}`;

/**
 * @param stats of the file, folder or device, opened or not
 * @param path without symbolic links, where it has one
 * @param sys where the kernel shows its devices, sysfs(5)
 */
export const layersOf = async (
  stats: Pick<BigIntStats, "isBlockDevice" | "rdev" | "dev" | "ino">,
  path: string | undefined,
  sys = "/sys",
): Promise<Layers> => {
  const layers = new Map<string, Extent>();
  const visit = async ({ layer, extent }: Below): Promise<void> => {
    const known = layers.get(layer);
    if (known === extent || known === "whole") {
      return;
    }
    layers.set(layer, extent);
    const [kind, number = ""] = layer.split(" ");
    const below =
      kind === "device"
        ? await belowDevice(number, sys)
        : await belowFile(number, layer === top ? path : undefined);
    for (const next of below) {
      await visit(extent === "part" ? { ...next, extent } : next);
    }
  };
  const top = layerOf(stats);
  await visit({ layer: top, extent: "whole" });
  return layers;
};
