// Who uses a file as a disk, or writes to it, at this moment: loop devices by device and inode, and processes.
import { readdir, readFile, stat } from "node:fs/promises";
import type { BlockDevice } from "../block-device.ts";
import { loopsBackedBy } from "./loop-backings.ts";
import { orAbsent } from "../or-absent.ts";

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

const isSame = (a: Identity | undefined, b: Identity): boolean =>
  a?.dev === b.dev && a.ino === b.ino;

const O_ACCMODE = 3;

/** Processes that have the file open for writing, such as a virtual machine that runs from it or an unfinished download. */
const writersOf = async (file: Identity): Promise<readonly FileUser[]> => {
  const found: FileUser[] = [];
  for (const pid of (await orAbsent(readdir("/proc"))) ?? []) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) {
      continue;
    }
    for (const fd of (await orAbsent(readdir(`/proc/${pid}/fd`))) ?? []) {
      const opened = await orAbsent(
        stat(`/proc/${pid}/fd/${fd}`, { bigint: true }),
      );
      if (!isSame(opened, file)) {
        continue;
      }
      const info = await orAbsent(
        readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8"),
      );
      const flags = /^flags:\s*([0-7]+)$/m.exec(info ?? "")?.[1] ?? "0";
      if ((Number.parseInt(flags, 8) & O_ACCMODE) !== 0) {
        const name =
          (await orAbsent(readFile(`/proc/${pid}/comm`, "utf8"))) ?? "";
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
