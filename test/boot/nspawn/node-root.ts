// A writable copy of an image's root tree for one container, with the seed of its boot partition at /boot/firmware.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { bootPartition, ROOT_OFFSET } from "../base/disk-layout.ts";
import type { Cleanup } from "../support/cleanup.ts";

/** Mounts the root partition of an image for reading; many containers share it. */
export const mountRootPartition = async (
  image: string,
  folder: string,
  cleanup: Cleanup,
): Promise<string> => {
  await mkdir(folder, { recursive: true });
  await runTool("mount", [
    "-o",
    `loop,ro,noload,offset=${ROOT_OFFSET}`,
    image,
    folder,
  ]);
  cleanup.defer(() => runTool("umount", ["--lazy", folder]));
  return folder;
};

const SEED_FILES = ["user-data", "meta-data", "network-config"];

/** Copies the seed out of the boot partition of an image; nothing is mounted, because a kernel may lack vfat. */
export const takeSeed = async (image: string, to: string): Promise<void> => {
  await mkdir(to, { recursive: true });
  await runTool("mcopy", [
    "-n",
    "-i",
    bootPartition(image),
    ...SEED_FILES.map((name) => `::${name}`),
    to,
  ]);
};

/** The root tree of one container: an overlay over `lower`, shaped for a machine without disks. */
export const makeNodeRoot = async (
  lower: string,
  folder: string,
  cleanup: Cleanup,
): Promise<string> => {
  const [upper, work, root] = ["upper", "work", "root"].map((name) =>
    join(folder, name),
  );
  if (upper === undefined || work === undefined || root === undefined) {
    throw new Error("three folders");
  }
  for (const path of [upper, work, root]) {
    await mkdir(path, { recursive: true });
  }
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await runTool("mount", ["-t", "overlay", "overlay", "-o", options, root]);
  cleanup.defer(async () => {
    await runTool("umount", ["--lazy", root]);
    await rm(folder, { recursive: true, force: true });
  });
  await fitForContainer(root);
  return root;
};

/** Shapes a root tree for a machine without disks, whose seed is the folder /boot/firmware. */
export const fitForContainer = async (root: string): Promise<void> => {
  // A container has no partitions to find by label: the seed is a folder, and nothing is mounted.
  await writeFile(join(root, "etc/fstab"), "");
  await writeFile(
    join(root, "etc/cloud/cloud.cfg.d/99-zz-container.cfg"),
    'datasource:\n  NoCloud:\n    seedfrom: "file:///boot/firmware/"\n',
  );
  if (!(await hostDelegatesMemory())) {
    await pretendMemoryCgroup(root);
  }
};

const hostDelegatesMemory = async (): Promise<boolean> => {
  try {
    const list = await readFile("/sys/fs/cgroup/cgroup.controllers", "utf8");
    return list.split(/\s/).includes("memory");
  } catch {
    return false;
  }
};

/** A host with cgroup v1 keeps the memory controller; the node's check for it must still be reached and pass. */
const pretendMemoryCgroup = async (root: string): Promise<void> => {
  const dropIn = join(root, "etc/systemd/system/pi-image-node.service.d");
  await mkdir(dropIn, { recursive: true });
  await writeFile(join(root, "etc/cgroup.controllers"), "cpu memory pids\n");
  await writeFile(
    join(dropIn, "container.conf"),
    "[Service]\nBindReadOnlyPaths=/etc/cgroup.controllers:/sys/fs/cgroup/cgroup.controllers\n",
  );
};
