// Media for boards in tests: a card as it is flashed, and an empty disk.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oldData } from "../../device/loop.ts";
import { type Layout, LAYOUTS } from "./layouts.ts";

const SECTOR = 512;
const MIB = 1024 * 1024;
/** FAT32 has at least 65525 clusters: with one sector each, 34 MiB is about the smallest. */
const BOOT_MIB = 34;
const ROOT_MIB = 12;

const run = (tool: string, args: readonly string[], input?: string): void => {
  execFileSync(tool, args, {
    input,
    stdio: [input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
  });
};

/** A new folder where nothing waits for a disk, as far as there is room: what is cut is the loop device above it. */
export const folderInMemory = (): string => {
  const memory = "/dev/shm";
  const { bavail = 0, bsize = 0 } = existsSync(memory)
    ? statfsSync(memory)
    : {};
  const folder = bavail * bsize > 1024 * MIB ? memory : tmpdir();
  return mkdtempSync(join(folder, "pi-image-board-"));
};

/** @param mib its size, which the fakes call 96M */
export const sparseDisk = (path: string, mib = 96): void => {
  writeFileSync(path, "");
  truncateSync(path, mib * MIB);
};

/** Its holes stay holes. */
export const copyDisk = (from: string, to: string): void => {
  run("cp", [from, to]);
};

/** A disk without a file system, with something else on it. */
export const strangeDisk = (path: string, text: string, at: number): void => {
  sparseDisk(path);
  const file = openSync(path, "r+");
  writeSync(file, text, at);
  closeSync(file);
};

/** What the firmware of every board needs, small. */
const BOOT_FILES: Readonly<Record<string, string | Buffer>> = {
  "config.txt": "[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\n",
  "start4.elf": oldData(100_000),
  vmlinuz: oldData(300_000),
  "recovery.000": "used\n",
  "pi-image.json": "{}\n",
};

/** Where the bundle begins on a card that carries one, and the system on one that carries none. */
const BEHIND_BOOT_MIB = 1 + BOOT_MIB;

const inSectors = (mib: number): number => (mib * MIB) / SECTOR;

/** An image with the partitions of the layout's base, whose system is the tree; a bundle lies between them. */
export const makeCard = (
  path: string,
  tree: string,
  layout: Layout,
  bundle: Buffer = Buffer.alloc(0),
): void => {
  const rootAt = BEHIND_BOOT_MIB + bundle.length / MIB;
  const { labels, diskId, cmdline } = LAYOUTS[layout];
  const boot = `${path}.boot`;
  const root = `${path}.root`;
  const folder = `${path}.files`;
  mkdirSync(join(folder, "overlays"), { recursive: true });
  for (const [name, data] of Object.entries({
    ...BOOT_FILES,
    "cmdline.txt": cmdline,
  })) {
    writeFileSync(join(folder, name), data);
  }
  writeFileSync(join(folder, "overlays/vc4.dtbo"), "overlay\n");
  for (const name of ["user-data", "meta-data", "network-config"]) {
    run("cp", [join(tree, "boot/firmware", name), join(folder, name)]);
  }
  rmSync(join(tree, "boot/firmware"), { recursive: true });
  mkdirSync(join(tree, "boot/firmware"));
  // Lies in memory.
  rmSync(join(tree, "run"), { recursive: true });
  mkdirSync(join(tree, "run"));
  // Something to copy that a plain copy of bytes would get wrong.
  writeFileSync(join(tree, "usr/big"), oldData(MIB));
  run("ln", [join(tree, "usr/big"), join(tree, "usr/big-too")]);
  run("chown", ["1234:4321", join(tree, "usr/big")]);

  writeFileSync(boot, "");
  truncateSync(boot, BOOT_MIB * MIB);
  run("mkfs.vfat", ["-F", "32", "-s", "1", "-n", labels[0], boot]);
  run("sh", ["-c", 'mcopy -s -i "$1" "$2"/* ::/', "sh", boot, folder]);
  run("mke2fs", [
    "-q",
    "-t",
    "ext4",
    "-L",
    labels[1],
    "-d",
    tree,
    root,
    `${ROOT_MIB}M`,
  ]);
  writeFileSync(path, "");
  truncateSync(path, (rootAt + ROOT_MIB + 1) * MIB);
  run(
    "sfdisk",
    ["--quiet", path],
    [
      "label: dos",
      `label-id: 0x${diskId}`,
      `start=2048, size=${inSectors(BOOT_MIB)}, type=c, bootable`,
      `start=${inSectors(rootAt)}, size=${inSectors(ROOT_MIB)}, type=83`,
      ...(bundle.length === 0
        ? []
        : [
            `start=${inSectors(BEHIND_BOOT_MIB)}, size=${bundle.length / SECTOR}, type=da`,
          ]),
      "",
    ].join("\n"),
  );
  const card = openSync(path, "r+");
  writeSync(card, bundle, 0, bundle.length, BEHIND_BOOT_MIB * MIB);
  closeSync(card);
  for (const [file, offset] of [
    [boot, 1],
    [root, rootAt],
  ] as const) {
    run("dd", [
      `if=${file}`,
      `of=${path}`,
      "bs=1M",
      `seek=${offset}`,
      "conv=notrunc,sparse",
    ]);
    rmSync(file);
  }
  rmSync(folder, { recursive: true });
};
