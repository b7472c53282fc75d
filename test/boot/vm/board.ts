// A board with a card reader, an NVMe disk and a boot loader with settings of its own: what its firmware starts.
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { firmwareChoice, readFat } from "../../node/board/firmware.ts";
import { bootPartition } from "../base/disk-layout.ts";
import type { Board } from "./machine.ts";

/** As a Raspberry Pi 5 has them from the factory, but that it does not look for an NVMe disk. */
const FACTORY_SETTINGS = "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf41\n";
const BUILT = "1739232000";

/** A new board with an empty disk. */
export const makeBoard = async (
  folder: string,
  nvmeGib: number,
): Promise<Board> => {
  const board = {
    nvme: join(folder, "nvme.img"),
    eeprom: join(folder, "eeprom"),
  };
  await mkdir(board.eeprom, { recursive: true });
  await writeFile(board.nvme, "");
  await truncate(board.nvme, nvmeGib * 1024 ** 3);
  for (const [name, text] of Object.entries({
    settings: FACTORY_SETTINGS,
    built: `${BUILT}\n`,
    "package.bin": `\0BUILD_TIMESTAMP=${BUILT}\0`,
  })) {
    await writeFile(join(board.eeprom, name), text);
  }
  return board;
};

/** What recovery.bin does before anything else starts: takes the settings that lie beside it, and renames itself. */
const updateBootLoader = async (
  card: string,
  { eeprom }: Board,
): Promise<void> => {
  if (readFat(card, "recovery.bin") !== "") {
    const settings = readFat(card, "pieeprom.upd");
    await writeFile(join(eeprom, "settings"), settings);
    const partition = bootPartition(card);
    await runTool("mren", [
      "-i",
      partition,
      "::recovery.bin",
      "::recovery.000",
    ]);
  }
};

/** The image of the medium that the boot order comes to first; undefined when nothing starts. */
export const choiceOf = async (
  { eeprom }: Board,
  media: Readonly<Record<string, string>>,
): Promise<string | undefined> => {
  const settings = await readFile(join(eeprom, "settings"), "utf8");
  const images = new Map(Object.entries(media));
  return images.get(firmwareChoice(settings, images, true) ?? "");
};

/** Switches the board on, as far as its firmware goes. */
export const startBoard = async (
  card: string,
  board: Board,
): Promise<string> => {
  await updateBootLoader(card, board);
  const media = { mmcblk0: card, nvme0n1: board.nvme };
  const medium = await choiceOf(board, media);
  if (medium === undefined) {
    throw new Error("the firmware finds nothing that it could start");
  }
  return medium;
};

/** A card needs a size that is a power of two. */
export const boardArguments = (
  card: string,
  { nvme, eeprom }: Board,
): readonly string[] => [
  "-drive",
  `file=${card},if=none,id=card,format=raw,cache=unsafe`,
  "-device",
  "sdhci-pci",
  "-device",
  "sd-card,drive=card",
  "-drive",
  `file=${nvme},if=none,id=disk,format=raw,cache=unsafe`,
  "-device",
  "nvme,drive=disk,serial=BOOTTEST1",
  ...["settings", "built", "package.bin"].flatMap((name) => [
    "-fw_cfg",
    `name=opt/pi-image/${name},file=${join(eeprom, name)}`,
  ]),
];
