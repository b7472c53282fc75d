// A running board: its system mounted, its disks attached as loop devices, and how both are taken away again.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { partitionsOf, type Place } from "./firmware.ts";

export type Places = {
  /** Holds `<disk>.img`. */
  readonly folder: string;
  /** Where the running system is mounted. */
  readonly root: string;
};

export const run = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, {
    encoding: "utf8",
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });

export const imageOf = ({ folder }: Places, disk: string): string =>
  join(folder, `${disk}.img`);

export const partitionName = (disk: string, number: number): string =>
  /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;

/**
 * Mounts the system with nothing in its folders for devices and for what is in memory, and gives the disks and their
 * partitions device files, as the kernel does.
 */
export const startSystem = (
  board: Places,
  system: Place,
  disks: readonly string[],
): void => {
  const { folder, root } = board;
  // Nothing is written at moments of the kernel's own choice.
  const options = `commit=600,loop,offset=${system.offset},sizelimit=${system.size}`;
  const mounts = [
    `${imageOf(board, system.disk)} ${root} ext4 ${options}`,
    ...["dev", "run", "boot/firmware"].map(
      (name) => `none ${join(root, name)} tmpfs defaults`,
    ),
  ];
  const fstab = join(folder, "fstab");
  writeFileSync(fstab, mounts.map((line) => `${line} 0 0\n`).join(""));
  const devices = disks.flatMap((disk) => {
    const image = imageOf(board, disk);
    // A loop device keeps its partitions to itself here: each gets a loop device of its own.
    return partitionsOf(image)
      .map(({ partition, offset, size }) => ({
        name: partitionName(disk, partition),
        question: `--offset ${offset} --sizelimit ${size} ${image}`,
      }))
      .concat({ name: disk, question: image });
  });
  // One shell: it starts programs for less than we do.
  const attach = devices.map(
    ({ question }) => `losetup --find --show ${question}\n`,
  );
  const loops = run(
    "sh",
    "-ec",
    `mount --all --fstab ${fstab}\n${attach.join("")}`,
  ).split("\n");
  for (const [index, { name }] of devices.entries()) {
    const loop = loops[index] ?? "";
    symlinkSync(loop, join(root, "dev", name));
    writeFileSync(join(folder, "loops", name), `${loop}\n`);
  }
};

/** As in fakes/board/fat.sh. */
const FAT_ENTRY = String.raw`%y\t%i\t%s\t%T@\t%P\n`;

/** Fills the folder that stands for the mounted boot partition; fakes/board/fat.sh writes back what changes there. */
export const fillBootFolder = (board: Places, boot: Place): void => {
  const { folder, root } = board;
  const firmware = join(root, "boot/firmware");
  const name = partitionName(boot.disk, boot.partition);
  const image = `${imageOf(board, boot.disk)}@@${boot.offset}`;
  const device = readFileSync(join(folder, "loops", name), "utf8").trim();
  writeFileSync(join(folder, "fats"), `${device} ${firmware}\n`);
  const entries = run(
    "sh",
    "-ec",
    `mcopy -s -p -m -Q -n -i ${image} '::/*' ${firmware}
find ${firmware} -mindepth 1 -printf '${FAT_ENTRY}'`,
  );
  writeFileSync(
    join(folder, `flushed-${device.replace("/dev/", "")}`),
    entries,
  );
};

/** Forgets what an earlier start has noted. */
export const clearNotes = ({ folder }: Places): void => {
  for (const name of ["calls", "loops"]) {
    rmSync(join(folder, name), { recursive: true, force: true });
    mkdirSync(join(folder, name));
  }
};

const mounted = ({ root }: Places): readonly string[] =>
  readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place === root || place.startsWith(`${root}/`))
    .toReversed();

/** As `losetup --list` tells them. */
const attached = ({ folder }: Places): readonly string[] =>
  readdirSync("/sys/block")
    .filter((name) => {
      const file = `/sys/block/${name}/loop/backing_file`;
      return (
        existsSync(file) && readFileSync(file, "utf8").startsWith(`${folder}/`)
      );
    })
    .map((name) => `/dev/${name}`);

/** What is mounted and attached goes, even where one step of it fails. */
export const powerOff = (board: Places): void => {
  const places = mounted(board);
  const { status, stderr } =
    places.length === 0
      ? { status: 0, stderr: "" }
      : spawnSync("umount", places, { encoding: "utf8" });
  const left = mounted(board);
  for (const place of left) {
    spawnSync("umount", ["--lazy", place], { stdio: "ignore" });
  }
  const devices = attached(board);
  if (devices.length > 0) {
    spawnSync("losetup", ["--detach", ...devices]);
  }
  if (status !== 0 || left.length > 0) {
    throw new Error(`the board could not be taken down: ${stderr}`);
  }
};
