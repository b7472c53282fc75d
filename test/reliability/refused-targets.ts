// Targets that must not be written, each with how it is made.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  afterThisTest,
  attachLoop,
  oldFile,
  run,
  sparseFile,
} from "../device/loop.ts";
import { endGroup } from "../support/process-group.ts";
import { CARD } from "./faults.ts";

const MIB = 1024 ** 2;

type Made = { readonly target: string; readonly file?: string };

type Refused = {
  readonly title: string;
  /** Gives the target and, where there is one, the file whose bytes must stay. */
  readonly make: (folder: string) => Made | Promise<Made>;
  readonly args?: readonly string[];
};

/** A loop device on a file full of old data. */
export const loopOf = (
  folder: string,
  size = CARD,
  ...options: readonly string[]
) => {
  const file = oldFile(join(folder, "disk"), size);
  return { file, target: attachLoop(file, ...options) };
};

/** Starts a program that holds something until the test ends; it prints a word when it does. */
const startHolder = async (
  tool: string,
  ...args: readonly string[]
): Promise<void> => {
  const holder = spawn(tool, args, {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { pid = 0 } = holder;
  afterThisTest(() => endGroup(pid));
  await once(holder.stdout, "data");
};

/** The disk below the root directory; undefined where the root is not a disk's. */
export const rootDisk = (): string | undefined => {
  const { stdout } = spawnSync("findmnt", ["-no", "SOURCE", "/"], {
    encoding: "utf8",
  });
  const source = stdout.trim();
  return source.startsWith("/dev/") ? source : undefined;
};

export const REFUSED: readonly Refused[] = [
  {
    title: "a mounted file system",
    make: (folder) => {
      const file = sparseFile(join(folder, "disk"), CARD);
      run("mkfs.ext4", "-q", file);
      const target = attachLoop(file);
      mkdirSync(join(folder, "mnt"));
      run("mount", target, join(folder, "mnt"));
      afterThisTest(() => run("umount", join(folder, "mnt")));
      return { target };
    },
  },
  {
    title: "a file system that is mounted in another namespace only",
    make: async (folder) => {
      const file = sparseFile(join(folder, "disk"), CARD);
      run("mkfs.ext4", "-q", file);
      const target = attachLoop(file);
      mkdirSync(join(folder, "mnt"));
      await startHolder(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        `mount ${target} ${join(folder, "mnt")} && echo mounted && exec sleep 3600`,
      );
      return { target };
    },
  },
  {
    title: "swap space in use",
    make: (folder) => {
      const file = sparseFile(join(folder, "disk"), CARD);
      const target = attachLoop(file);
      run("mkswap", target);
      run("swapon", target);
      afterThisTest(() => run("swapoff", target));
      return { target };
    },
  },
  {
    title: "held open exclusively by another program",
    make: (folder) => {
      const made = loopOf(folder);
      const handle = openSync(
        made.target,
        constants.O_RDONLY | constants.O_EXCL,
      );
      afterThisTest(() => closeSync(handle));
      return made;
    },
  },
  {
    title: "locked by another program (systemd's block device lock)",
    make: async (folder) => {
      const made = loopOf(folder);
      await startHolder(
        "flock",
        "--exclusive",
        made.target,
        "sh",
        "-c",
        "echo locked && exec sleep 3600",
      );
      return made;
    },
  },
  {
    title: "write-protected",
    make: (folder) => loopOf(folder, CARD, "--read-only"),
  },
  { title: "too small", make: (folder) => loopOf(folder, 4 * MIB) },
  {
    title: "larger than `--max-size`",
    make: (folder) => loopOf(folder),
    args: ["--max-size", "16MiB"],
  },
  {
    title: "another serial than `--serial`",
    make: (folder) => loopOf(folder),
    args: ["--serial", "0x1234"],
  },
  {
    title: "a file that is attached as a loop device",
    make: (folder) => {
      const { file } = loopOf(folder);
      return { target: file, file };
    },
  },
  {
    title: "the image itself",
    make: (folder) => ({ target: join(folder, "sample.img") }),
  },
  {
    title: "the image itself, through a link",
    make: (folder) => {
      symlinkSync(join(folder, "sample.img"), join(folder, "link"));
      return { target: join(folder, "link") };
    },
  },
  {
    title: "a regular file in /dev",
    make: () => {
      const target = "/dev/pi-image-test-file";
      writeFileSync(target, "");
      afterThisTest(() => rmSync(target));
      return { target };
    },
  },
  { title: "a name that is not there", make: () => ({ target: "/dev/sdzz" }) },
  { title: "a folder", make: (folder) => ({ target: folder }) },
  { title: "a character device", make: () => ({ target: "/dev/null" }) },
  {
    title: "a named pipe",
    make: (folder) => {
      run("mkfifo", join(folder, "fifo"));
      return { target: join(folder, "fifo") };
    },
  },
];
