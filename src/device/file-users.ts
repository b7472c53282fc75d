// Who uses a file as a disk, or writes to it, at this moment: loop devices by device and inode, and processes.
import { readdir, readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { runTool } from "../system/run-tool.ts";
import type { BlockDevice } from "./block-device.ts";
import { errnoCode } from "./errno.ts";

export type FileUser =
  | {
      readonly kind: "loop";
      /** Such as /dev/loop0. */
      readonly device: string;
      readonly readOnly: boolean;
      /** "/dev/loop0p1 is mounted on /mnt", and what is stacked on it. */
      readonly uses: readonly string[];
    }
  | {
      readonly kind: "process";
      readonly pid: number;
      readonly name: string;
    };

type Identity = { readonly dev: bigint; readonly ino: bigint };

/** What ended meanwhile, is somebody else's, or is not a Linux. */
const GONE = ["ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR", "ENODEV"];

const orElse = async <T>(promise: Promise<T>, fallback: T): Promise<T> => {
  try {
    return await promise;
  } catch (error) {
    if (GONE.includes(errnoCode(error) ?? "")) {
      return fallback;
    }
    throw error;
  }
};

const identityOf = (path: string): Promise<Identity | undefined> =>
  orElse(stat(path, { bigint: true }), undefined);

const isSame = (a: Identity | undefined, b: Identity): boolean =>
  a?.dev === b.dev && a.ino === b.ino;

const losetupList = z.object({
  loopdevices: z.array(
    z.object({
      name: z.string(),
      "back-ino": z.union([z.string(), z.number()]).nullish(),
      "back-maj:min": z.string().nullish(),
    }),
  ),
});

/** Only the driver knows the inode of a file whose name is gone, or is another mount namespace's. */
const askDriver = async (): Promise<ReadonlyMap<string, string>> => {
  const { stdout } = await runTool(
    "losetup",
    ["--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"],
    { package: "util-linux", asRoot: true },
  );
  const list =
    stdout.trim() === ""
      ? []
      : losetupList.parse(JSON.parse(stdout)).loopdevices;
  return new Map(
    list.map((loop) => [
      loop.name,
      `${loop["back-maj:min"]?.trim() ?? ""} ${loop["back-ino"] ?? ""}`,
    ]),
  );
};

/** Of st_dev, as the driver prints it. */
const driverName = ({ dev, ino }: Identity): string =>
  `${(dev >> 8n) & 0xfffn}:${(dev & 0xffn) | ((dev >> 12n) & 0xff_ff_ff_00n)} ${ino}`;

/** Names of the loop devices that stand for this file, whatever name they were given for it. */
export const loopsBackedBy = async (
  file: Identity,
): Promise<readonly string[]> => {
  const found: string[] = [];
  const unclear: string[] = [];
  for (const name of await orElse(readdir("/sys/block"), [])) {
    if (!name.startsWith("loop")) {
      continue;
    }
    const backing = await orElse(
      readFile(`/sys/block/${name}/loop/backing_file`, "utf8"),
      "",
    );
    // A name may end with a newline of its own; the kernel adds one.
    const path = backing.replace(/\n$/, "");
    if (path === "") {
      continue;
    }
    const identity = await identityOf(path);
    if (isSame(identity, file)) {
      found.push(name);
    } else {
      unclear.push(name);
    }
  }
  if (unclear.length > 0) {
    const driver = await askDriver();
    found.push(
      ...unclear.filter(
        (name) => driver.get(`/dev/${name}`) === driverName(file),
      ),
    );
  }
  return found;
};

const O_ACCMODE = 3;

/** Processes that have the file open for writing: a virtual machine that runs from it, a download that is not done. */
const writersOf = async (file: Identity): Promise<readonly FileUser[]> => {
  const found: FileUser[] = [];
  for (const pid of await orElse(readdir("/proc"), [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) {
      continue;
    }
    for (const fd of await orElse(readdir(`/proc/${pid}/fd`), [])) {
      if (!isSame(await identityOf(`/proc/${pid}/fd/${fd}`), file)) {
        continue;
      }
      const info = await orElse(
        readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8"),
        "",
      );
      const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "0";
      if ((Number.parseInt(flags, 8) & O_ACCMODE) !== 0) {
        const name = await orElse(readFile(`/proc/${pid}/comm`, "utf8"), "");
        found.push({ kind: "process", pid: Number(pid), name: name.trim() });
        break;
      }
    }
  }
  return found;
};

/**
 * @param listDevices asked only when a loop device stands for the file
 * @throws Error with an errno when the file is not there
 */
export const fileUsers = async (
  path: string,
  listDevices: () => Promise<readonly BlockDevice[]>,
): Promise<readonly FileUser[]> => {
  const file = await stat(path, { bigint: true });
  const loops = await loopsBackedBy(file);
  const devices = loops.length === 0 ? [] : await listDevices();
  const users = loops.map((name): FileUser => {
    const device = devices.find((candidate) => candidate.name === name);
    return {
      kind: "loop",
      device: `/dev/${name}`,
      readOnly: device?.readOnly ?? false,
      uses: [
        ...(device?.uses ?? []).map(({ device: part, at }) =>
          at === "[SWAP]"
            ? `${part} is used for swapping`
            : `${part} is mounted on ${at}`,
        ),
        ...(device?.holders ?? []).map((holder) => `${holder} lies on it`),
      ],
    };
  });
  return [...users, ...(await writersOf(file))];
};
