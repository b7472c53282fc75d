// A card with a fault: a loop device on a file of a FUSE file system that plants it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { afterThisTest, run, temporaryFolder } from "../device/loop.ts";

const PROGRAM = fileURLToPath(new URL("faulty_disk.py", import.meta.url));

/** Of Debian's package python3-fusepy. */
export const FUSEPY = "/usr/lib/python3/dist-packages/fusepy.py";

/** Debian's own: another one does not find Debian's packages. */
const PYTHON = "/usr/bin/python3";

/** In bytes, as faulty_disk.py takes them. */
export type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "write-error" | "read-error"; readonly at: number }
  | { readonly kind: "wraps" | "drops"; readonly real: number }
  | { readonly kind: "ignores" | "read-only"; readonly after: number }
  | {
      readonly kind: "corrupts";
      readonly at: number;
      /** Counts of writes to the place. */
      readonly from?: number;
      readonly until?: number;
    }
  | { readonly kind: "stalls"; readonly at: number; readonly seconds: number }
  | {
      readonly kind: "vanishes";
      readonly after: number;
      /** Seconds until a request to the empty reader fails. */
      readonly silent: number;
    };

export type FaultyDisk = {
  readonly device: string;
  /** When the fault first acted, in milliseconds; undefined before. */
  readonly acted: () => number | undefined;
  /** Makes the loop device notice that its file has changed its size. */
  readonly noticeSize: () => void;
};

/** @param backing a file, whose bytes are the card's */
export const startFaultyDisk = async (
  backing: string,
  fault: Fault,
): Promise<FaultyDisk> => {
  const folder = temporaryFolder();
  const mountpoint = join(folder, "mnt");
  const log = join(folder, "log");
  mkdirSync(mountpoint);
  const server = spawn(
    PYTHON,
    [PROGRAM, backing, mountpoint, log, JSON.stringify(fault)],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const card = join(mountpoint, "card");
  let device = "";
  afterThisTest(() => {
    // Requests that hang end with the process that does not answer them.
    server.kill("SIGKILL");
    if (device !== "") {
      run("losetup", "--detach", device);
    }
    run("umount", "--lazy", mountpoint);
  });
  await vi.waitUntil(() => existsSync(card) && statSync(card).size > 0, {
    timeout: 120_000,
  });
  device = run("losetup", "--find", "--show", card).trim();
  return {
    device,
    acted: () =>
      existsSync(log)
        ? Number(readFileSync(log, "utf8").split(/\s/)[1]) * 1000
        : undefined,
    // It waits for the requests that are under way.
    noticeSize: () => {
      spawn("losetup", ["--set-capacity", device], { stdio: "ignore" });
    },
  };
};
