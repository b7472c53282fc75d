// What the boot loader of a board is told, or is not, when the system moves from the card to a disk.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { describeAsRoot } from "../support/tools.ts";
import {
  type Board,
  makeBoard,
  removeCards,
  runPhase,
  shutDown,
  start,
  withDisks,
} from "./board/board.ts";
import { imageOf } from "./board/running.ts";
import { expectApart } from "./board/judge.ts";
import { sparseDisk } from "./board/media.ts";
import {
  TOOLS,
  moving,
  MANY_STARTS,
  NVME,
  moveSystem,
  expectSystem,
  refusal,
} from "./board/move-system.ts";

afterAll(removeCards);

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
