// A system that moves from its card to a disk: how it gets there, and what must be true of it then.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ResolvedNode } from "../../../src/inventory/resolved.ts";
import { sampleNode } from "../../seed/sample-project.ts";
import { digestOf } from "../../support/file-bytes.ts";
import { type Board, runPhase, shutDown, start } from "./board.ts";
import { imageOf } from "./running.ts";

export const TOOLS = [
  "blkid",
  "dpkg",
  "e2fsck",
  "fsck.vfat",
  "losetup",
  "mcopy",
  "mke2fs",
  "sfdisk",
  "tar",
  "wipefs",
];

export const moving: ResolvedNode = { ...sampleNode, storage: "sd-to-nvme" };

/** Milliseconds; a busy machine has to start a board dozens of times. */
export const MANY_STARTS = 1_800_000;

export const NVME = "nvme0n1 nvme Disk";

/** Starts and runs the storage phase until it is done; adds how each run ended to `ends`. */
export const moveSystem = async (
  board: Board,
  ends: string[] = [],
): Promise<{ readonly system: string; readonly starts: number }> => {
  for (let starts = 1; starts <= 200; starts += 1) {
    const system = start(board);
    if (system === undefined) {
      throw new Error(`nothing starts any more at start ${starts}`);
    }
    const { end, output } = await runPhase(board, "15-storage");
    ends.push(end);
    if (end === "done") {
      return { system, starts };
    }
    if (end === "waits" || end === "fails") {
      throw new Error(output);
    }
    if (end === "reboot") {
      shutDown(board);
    }
  }
  throw new Error("the system never arrives");
};

/** The running system is the card's, down to owners and hard links, and knows the disk by names of its own. */
export const expectSystem = (board: Board, disk: string): void => {
  const at = (path: string): string =>
    readFileSync(join(board.root, path), "utf8");
  expect(
    execFileSync(
      "stat",
      ["--format", "%u:%g %h %s", join(board.root, "usr/big")],
      { encoding: "utf8", stdio: "pipe" },
    ).trim(),
  ).toBe("1234:4321 2 1048576");
  expect(at("boot/firmware/meta-data")).toContain("instance-id: pi-image-");
  expect(at("boot/firmware/cmdline.txt")).toMatch(/ root=UUID=[0-9a-f-]{36} /);
  expect(at("etc/cloud/cloud.cfg.d/zz-pi-image-disk.cfg")).toContain(
    "fs_label: PI-DISK",
  );
  expect(at("etc/fstab")).not.toMatch(/LABEL=|PARTUUID=/);
  expect(at("var/lib/pi-image/notes/storage")).toContain(
    `The system runs from /dev/${disk} (96M `,
  );
  expect(existsSync(join(board.root, "boot/firmware/recovery.000"))).toBe(
    false,
  );
};

/** What the phase says when it cannot go on; the media must not have changed. */
export const refusal = async (board: Board, disk: string): Promise<string> => {
  const before = digestOf(imageOf(board, disk));
  start(board);
  const { end, output } = await runPhase(board, "15-storage");
  shutDown(board);
  expect(end).toMatch(/waits|fails/);
  expect(digestOf(imageOf(board, disk))).toBe(before);
  return output;
};
