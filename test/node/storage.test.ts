// The system moves from the card to a disk, on loop devices and with the real tools, whatever goes wrong meanwhile.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { sampleNode } from "../seed/sample-project.ts";
import { digestOf, holdsText } from "../support/file-bytes.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  type Board,
  cutEveryCall,
  makeBoard,
  removeCards,
  runPhase,
  shutDown,
  start,
  withDisks,
} from "./board/board.ts";
import { readFat } from "./board/firmware.ts";
import { imageOf } from "./board/running.ts";
import { expectApart, expectSound } from "./board/judge.ts";
import { copyDisk, sparseDisk, strangeDisk } from "./board/media.ts";

const TOOLS = [
  "blkid",
  "e2fsck",
  "fsck.vfat",
  "losetup",
  "mcopy",
  "mke2fs",
  "sfdisk",
  "tar",
  "wipefs",
];

const moving: ResolvedNode = { ...sampleNode, storage: "sd-to-nvme" };

/** Milliseconds; a busy machine has to start a board dozens of times. */
const MANY_STARTS = 1_800_000;

const NVME = "nvme0n1 nvme Disk";

/** Starts and runs the storage phase until it is done; adds how each run ended to `ends`. */
const moveSystem = async (
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
const expectSystem = (board: Board, disk: string): void => {
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
const refusal = async (board: Board, disk: string): Promise<string> => {
  const before = digestOf(imageOf(board, disk));
  start(board);
  const { end, output } = await runPhase(board, "15-storage");
  shutDown(board);
  expect(end).toMatch(/waits|fails/);
  expect(digestOf(imageOf(board, disk))).toBe(before);
  return output;
};

afterAll(removeCards);

describeAsRoot(TOOLS, "a card that moves its system to a disk", () => {
  it(
    "arrives there, and neither starts any more nor keeps a secret",
    async () => {
      const board = await makeBoard({ node: moving, disks: [NVME] });
      const { system, starts } = await moveSystem(board);
      expect({ system, starts }).toEqual({ system: "nvme0n1", starts: 2 });
      expectSystem(board, "nvme0n1");
      shutDown(board);
      expectApart(imageOf(board, "mmcblk0"), imageOf(board, "nvme0n1"));
      expectSound(imageOf(board, "nvme0n1"), board.folder);
      expect(readFat(imageOf(board, "mmcblk0"), "config.txt")).toBe("");
      const holdsSecret = () =>
        holdsText(imageOf(board, "mmcblk0"), "client-key-data: ");
      expect(holdsSecret()).toBe(true);

      // Meanwhile somebody has taken the card out.
      const pulled = withDisks(board, [NVME]);
      const note = join(board.root, "var/lib/pi-image/notes/card");
      expect(start(pulled)).toBe("nvme0n1");
      expect((await runPhase(pulled, "55-scrub")).end).toBe("done");
      expect(readFileSync(note, "utf8")).toContain(
        "was taken out before its secrets were removed",
      );
      shutDown(pulled);
      expect(holdsSecret()).toBe(true);
      expect(start(board)).toBe("nvme0n1");
      const { output } = await runPhase(board, "55-scrub");
      expect(output).toContain("Removing the secrets from the card, too.");
      expect(existsSync(note)).toBe(false);
      shutDown(board);
      expect(holdsSecret()).toBe(false);
      expectSound(imageOf(board, "nvme0n1"), board.folder);
    },
    MANY_STARTS,
  );

  it(
    "arrives there from Raspberry Pi OS, whose partitions are named by the table's id",
    async () => {
      const board = await makeBoard({
        node: { ...moving, base: "raspios-trixie" },
        disks: [NVME],
        layout: "raspios",
      });
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 2 });
      expectSystem(board, "nvme0n1");
      shutDown(board);
      expectApart(imageOf(board, "mmcblk0"), imageOf(board, "nvme0n1"));
      expectSound(imageOf(board, "nvme0n1"), board.folder);
      expect(start(board)).toBe("nvme0n1");
      expect((await runPhase(board, "15-storage")).end).toBe("done");
    },
    MANY_STARTS,
  );

  it(
    "arrives there whichever call the power is cut in, with a boot loader that tries the disk first",
    async () => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        settings: "[all]\nBOOT_ORDER=0xf416\nPCIE_PROBE=1\n",
        hatPlus: false,
      });
      const cuts = cutEveryCall(board);
      const ends: string[] = [];
      const { system } = await moveSystem(board, ends);
      expect(system).toBe("nvme0n1");
      // One in each start, and nowhere else.
      expect(ends.filter((end) => end === "cut")).toHaveLength(cuts().length);
      expect(cuts().length).toBeGreaterThan(20);
      const tools = new Set(cuts().map((call) => call.split(" ", 1).join()));
      expect([...tools].toSorted()).toEqual(
        "cp dd mkfs.ext4 mkfs.vfat mount mv sfdisk sync tar umount".split(" "),
      );
      expectSystem(board, "nvme0n1");
      shutDown(board);
      expectApart(imageOf(board, "mmcblk0"), imageOf(board, "nvme0n1"));
      expectSound(imageOf(board, "nvme0n1"), board.folder);
      expect(readFat(imageOf(board, "mmcblk0"), "config.txt")).toBe("");
    },
    MANY_STARTS,
  );

  it(
    "finds a copy that does not hold what was written, stays as it is, and copies again",
    async () => {
      const board = await makeBoard({ node: moving, disks: [NVME] });
      start(board);
      writeFileSync(join(board.folder, "spoil"), "");
      const { end, output } = await runPhase(board, "15-storage");
      shutDown(board);
      expect(end).toBe("fails");
      expect(output).toContain("The copy does not hold what was written to it");
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 2 });
    },
    MANY_STARTS,
  );

  it(
    "leaves a disk alone that is not empty, another node's system among them",
    async () => {
      const first = await makeBoard({ node: moving, disks: [NVME] });
      await moveSystem(first);
      shutDown(first);
      const second = await makeBoard({ node: moving, disks: [NVME] });
      copyDisk(imageOf(first, "nvme0n1"), imageOf(second, "nvme0n1"));
      expect(await refusal(second, "nvme0n1")).toContain(
        "The disk /dev/nvme0n1 (96M Disk) is not empty and is left as it is.",
      );
      // Without any file system on it, too.
      strangeDisk(imageOf(second, "nvme0n1"), "somebody's data", 700_000);
      expect(await refusal(second, "nvme0n1")).toContain("is not empty");
    },
    MANY_STARTS,
  );

  it(
    "says what is missing: a disk, one disk, or a larger one",
    async () => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME, "nvme1n1 nvme Other"],
      });
      const without = withDisks(board, board.disks.slice(0, 1));
      start(without);
      const { end, output } = await runPhase(without, "15-storage");
      expect(end).toBe("reboot");
      expect(output).toContain("No NVMe disk announces itself.");
      shutDown(without);
      expect(await refusal(without, "nvme0n1")).toContain(
        "No NVMe disk answers.",
      );
      expect(await refusal(board, "nvme0n1")).toContain(
        "several disks that could be meant (nvme0n1 nvme1n1)",
      );
      sparseDisk(imageOf(board, "nvme0n1"), 20);
      expect(
        await refusal(withDisks(board, board.disks.slice(0, 2)), "nvme0n1"),
      ).toContain("is too small");
    },
    MANY_STARTS,
  );
});

describeAsRoot(TOOLS, "the boot loader of a board whose system moves", () => {
  const factory = "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf41\n";
  const settingsOf = (board: Board): string =>
    readFileSync(join(board.folder, "eeprom/settings"), "utf8");
  const eeprom = (board: Board, name: string, text: string): void => {
    writeFileSync(join(board.folder, "eeprom", name), text);
  };

  it(
    "learns of the disk before anything is copied",
    async () => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        settings: factory,
      });
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 3 });
      expect(settingsOf(board)).toBe("[all]\nBOOT_UART=1\nBOOT_ORDER=0xf416\n");
    },
    MANY_STARTS,
  );

  it(
    "is not touched for an adapter that announces itself, as boards are sold",
    async () => {
      const board = await makeBoard({ node: moving, disks: [NVME] });
      const before = settingsOf(board);
      expect(before).not.toContain("PCIE_PROBE");
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 2 });
      expect(settingsOf(board)).toBe(before);
      expect(
        readFileSync(join(board.root, "boot/firmware/config.txt"), "utf8"),
      ).not.toContain("pciex1");
    },
    MANY_STARTS,
  );

  it(
    "is told to look for the disk where only the connector that we switched on shows it",
    async () => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        hatPlus: false,
      });
      // The question, the settings, the copy, the disk.
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 4 });
      expect(settingsOf(board)).toBe(
        "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\nNET_INSTALL_AT_POWER_ON=1\nPCIE_PROBE=1\n",
      );
    },
    MANY_STARTS,
  );

  it(
    "is not asked in vain: a disk that comes later is told apart all the same",
    async () => {
      const empty = await makeBoard({ node: moving, disks: [] });
      start(empty);
      expect((await runPhase(empty, "15-storage")).end).toBe("reboot");
      shutDown(empty);
      start(empty);
      const first = await runPhase(empty, "15-storage");
      expect(first).toMatchObject({ end: "waits" });
      expect(first.output).toContain("No NVMe disk answers.");
      // It does not go on restarting.
      expect((await runPhase(empty, "15-storage")).end).toBe("waits");
      shutDown(empty);
      sparseDisk(imageOf(empty, "nvme0n1"));
      const board = withDisks(empty, [...empty.disks, NVME]);
      expect((await moveSystem(board)).system).toBe("nvme0n1");
      expect(settingsOf(board)).not.toContain("PCIE_PROBE");
    },
    MANY_STARTS,
  );

  it.each([
    [
      "would be replaced by an older one",
      (board: Board) =>
        eeprom(board, "package.bin", "\0BUILD_TIMESTAMP=1727049600\0"),
      "the package rpi-eeprom would replace the boot loader of 2025-02-11 by the older one of 2024-09-23",
      // `rpi-eeprom-config --edit` would do the very same.
      "Update the package first:",
    ],
    [
      "is frozen",
      (board: Board) =>
        eeprom(board, "settings", `${factory}FREEZE_VERSION=1\n`),
      "they are frozen (FREEZE_VERSION=1)",
      "Start the board once from a card with the boot loader image of Raspberry Pi Imager",
    ],
    [
      "is not in the package",
      (board: Board) => eeprom(board, "package.bin", ""),
      "the package rpi-eeprom brings no boot loader for this board",
      "Update the package first:",
    ],
  ])(
    "that %s is left alone, and so are card and disk",
    async (_, prepare, why, way) => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        settings: factory,
      });
      prepare(board);
      const before = settingsOf(board);
      const output = await refusal(board, "nvme0n1");
      expect(output).toContain(`cannot be set from here: ${why}. ${way}`);
      expect(output).toContain("(BOOT_ORDER=0xf416)");
      expect(settingsOf(board)).toBe(before);
    },
    MANY_STARTS,
  );

  it(
    "is left alone with eeprom: keep, and when it is too old for the base",
    async () => {
      const kept = await makeBoard({
        node: { ...moving, eeprom: "keep" },
        disks: [NVME],
        settings: factory,
      });
      expect(await refusal(kept, "nvme0n1")).toContain(
        "cluster.yaml says eeprom: keep",
      );
      const old = await makeBoard({
        node: { ...moving, base: "ubuntu-26.04" },
        disks: [NVME],
      });
      eeprom(old, "built", "1727049600");
      expect(await refusal(old, "nvme0n1")).toContain(
        "The boot loader of this board is of 2024-09-23, and its Ubuntu needs one of 2025-02-11 or later.",
      );
    },
    MANY_STARTS,
  );

  it(
    "tries the disk first where the card is kept, which then waits as a recovery system",
    async () => {
      const board = await makeBoard({
        node: { ...moving, keepCard: true },
        disks: [NVME],
      });
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 3 });
      expectSystem(board, "nvme0n1");
      shutDown(board);
      expectApart(imageOf(board, "mmcblk0"), imageOf(board, "nvme0n1"));
      expect(settingsOf(board)).toContain("BOOT_ORDER=0xf416");
      eeprom(board, "settings", "BOOT_ORDER=0xf461\n");
      expect(start(board)).toBe("mmcblk0");
      eeprom(board, "settings", "BOOT_ORDER=0xf416\n");
      const { end, output } = await runPhase(board, "15-storage");
      expect(end).toBe("waits");
      expect(output).toContain("This card is the recovery system of worker1");
    },
    MANY_STARTS,
  );

  it(
    "of a Pi 4 starts from a USB disk",
    async () => {
      const board = await makeBoard({
        node: { ...moving, board: "pi4", storage: "sd-to-usb" },
        disks: ["sda usb Stick"],
        settings: "BOOT_ORDER=0xf1\n",
      });
      expect(await moveSystem(board)).toEqual({ system: "sda", starts: 3 });
      expectSystem(board, "sda");
      expect(settingsOf(board)).toBe("BOOT_ORDER=0xf14\n");
    },
    MANY_STARTS,
  );
});
