// Asks Linux for its block devices: lsblk, /proc, /sys and /dev/disk/by-id.
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ifOneOf, NOT_FOR_US } from "../../report/expected-failure.ts";
import { runTool } from "../../system/run/run-tool.ts";
import type { BlockDevice } from "../block-device.ts";
import { deviceNumber } from "./device-number.ts";
import { linuxDevices } from "./linux-devices.ts";
import { LSBLK_COLUMNS } from "./lsblk-output.ts";

/** Gives the fallback for what is absent: on another kernel, for a process that has ended, or without permission. */
const orElse = async <T>(promise: Promise<T>, fallback: T): Promise<T> => {
  try {
    return await promise;
  } catch (error) {
    return ifOneOf(error, [...NOT_FOR_US, "EIO"], fallback);
  }
};

const names = (folder: string): Promise<string[]> =>
  orElse(readdir(folder), []);

const text = (path: string): Promise<string> =>
  orElse(readFile(path, "utf8"), "");

/** The tables of all processes: a file system that a container or a service has mounted for itself is in no other table. */
const allMountinfo = async (): Promise<string[]> => {
  const seen = new Set<string>();
  const texts = [await readFile("/proc/self/mountinfo", "utf8")];
  for (const process of await names("/proc")) {
    if (!/^\d+$/.test(process)) {
      continue;
    }
    const namespace = await orElse(readlink(`/proc/${process}/ns/mnt`), "");
    if (namespace !== "" && !seen.has(namespace)) {
      seen.add(namespace);
      texts.push(await text(`/proc/${process}/mountinfo`));
    }
  }
  return texts;
};

const byIdNames = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
  const folder = "/dev/disk/by-id";
  const found = new Map<string, string[]>();
  for (const name of (await names(folder)).toSorted()) {
    const node = await orElse(realpath(join(folder, name)), "");
    const key = basename(node);
    found.set(key, [...(found.get(key) ?? []), join(folder, name)]);
  }
  return found;
};

/** The device below the root directory, and every device that it is made of. */
const rootDevices = async (): Promise<readonly string[]> => {
  const { dev } = await stat("/", { bigint: true });
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    found.push(basename(folder));
    for (const below of await names(join(folder, "slaves"))) {
      await visit(await realpath(join(folder, "slaves", below)));
    }
  };
  const start = await orElse(
    realpath(`/sys/dev/block/${deviceNumber(dev)}`),
    undefined,
  );
  if (start !== undefined) {
    await visit(start);
  }
  return found;
};

/** Kernel file system documentation: /sys/fs/btrfs/<uuid>/devices lists the members while mounted. */
const btrfsMembers = async (): Promise<string[][]> =>
  Promise.all(
    (await names("/sys/fs/btrfs")).map((id) =>
      names(`/sys/fs/btrfs/${id}/devices`),
    ),
  );

/**
 * Only root sees the mounts of everybody's namespaces.
 * @throws UserError TOOL_MISSING, TOOL_FAILED
 */
export const listLinux = async (): Promise<readonly BlockDevice[]> => {
  const lsblk = await runTool(
    "lsblk",
    ["--json", "--bytes", "--all", "--output", LSBLK_COLUMNS.join(",")],
    { package: "util-linux", asRoot: true },
  );
  const sequences = new Map<string, string>();
  const holders = new Map<string, readonly string[]>();
  const soldered = new Set<string>();
  for (const name of await names("/sys/class/block")) {
    const folder = `/sys/class/block/${name}`;
    const sequence = (await text(`${folder}/diskseq`)).trim();
    if (sequence !== "") {
      sequences.set(name, sequence);
    }
    holders.set(name, await names(`${folder}/holders`));
    // https://docs.kernel.org/driver-api/mmc/mmc-dev-attrs.html: SD for cards, MMC for eMMC.
    if ((await text(`${folder}/device/type`)).trim() === "MMC") {
      soldered.add(name);
    }
  }
  return linuxDevices({
    lsblk: lsblk.stdout,
    mountinfo: await allMountinfo(),
    swaps: await text("/proc/swaps"),
    byId: await byIdNames(),
    btrfs: await btrfsMembers(),
    root: await rootDevices(),
    sequences,
    soldered,
    holders,
  });
};
