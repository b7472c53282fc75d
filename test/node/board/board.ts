// A board with a card and disks on loop devices: its firmware chooses what starts, and its power can be cut at any call.
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { inject } from "vitest";
import type { ResolvedNode } from "../../../src/inventory/resolved.ts";
import { afterThisTest } from "../../device/loop.ts";
import { sampleProject } from "../../seed/sample-project.ts";
import { asPartition, type Bundle, sha256 } from "../bundle/make-bundle.ts";
import { layNode } from "../fake-node.ts";
import {
  connectorIsOn,
  findFileSystem,
  firmwareChoice,
  readFat,
} from "./firmware.ts";
import { type Layout, LAYOUTS } from "./layouts.ts";
import { awaitGroup, endGroup } from "../../support/process-group.ts";
import { copyDisk, folderInMemory, makeCard, sparseDisk } from "./media.ts";
import {
  clearNotes,
  fillBootFolder,
  imageOf,
  partitionName,
  powerOff,
  run,
  startSystem,
} from "./running.ts";

export type Board = {
  /** Holds `<disk>.img`, the boot loader's settings and the fakes' own notes. */
  readonly folder: string;
  /** Where the running system is mounted. */
  readonly root: string;
  /** Whichever are connected, the card first: name, transport, model. */
  readonly disks: readonly string[];
  /** Whether the adapter of NVMe disks announces itself. */
  readonly hatPlus: boolean;
};

/** The same board with other disks in it. */
export const withDisks = (board: Board, disks: readonly string[]): Board => ({
  ...board,
  disks,
});

type BoardOptions = {
  readonly node: ResolvedNode;
  /** "nvme0n1 nvme Disk"; each gets an empty medium. */
  readonly disks: readonly string[];
  /** bootconf.txt */
  readonly settings?: string;
  /** True unless told. */
  readonly hatPlus?: boolean;
  /** Ubuntu's unless told. */
  readonly layout?: Layout;
  /** What the card carries. */
  readonly bundle?: Bundle;
};

const note = (board: Board, name: string): string => join(board.folder, name);

/** What the phases see of the board, in the folder of the running system. */
const environment = (board: Board) => ({
  PATH: `${inject("fakes")}/board:/usr/sbin:/usr/bin:/sbin:/bin`,
  FAKES: inject("fakes"),
  BOARD: board.folder,
  PI_IMAGE_ROOT: board.root,
  MTOOLS_SKIP_CHECK: "1",
});

const namesOf = (disks: readonly string[]): readonly string[] =>
  disks.map((disk) => disk.split(" ")[0] ?? "");

const cards = new Map<string, string>();

/** After all tests of a file. */
export const removeCards = (): void => {
  for (const card of cards.values()) {
    rmSync(dirname(card), { recursive: true });
  }
  cards.clear();
};

/** A card as it is flashed for the node, which is copied for each board; made once for all tests that have the same node. */
const cardOf = async (
  node: ResolvedNode,
  layout: Layout,
  bundle: Bundle | undefined,
): Promise<string> => {
  const name = JSON.stringify({
    node,
    layout,
    bundle: bundle && sha256(bundle.data),
  });
  const known = cards.get(name);
  if (known !== undefined) {
    return known;
  }
  const tree = await layNode({
    project: sampleProject,
    node,
    files: LAYOUTS[layout].root,
    bundle: bundle?.index,
  });
  const card = join(folderInMemory(), "card.img");
  cards.set(name, card);
  makeCard(card, tree, layout, bundle && asPartition(bundle));
  return card;
};

/** A new board with a card that was just flashed for this node. */
export const makeBoard = async (options: BoardOptions): Promise<Board> => {
  const folder = folderInMemory();
  afterThisTest(() => rmSync(folder, { recursive: true, force: true }));
  const disks = ["mmcblk0 - Card", ...options.disks];
  const board = {
    folder,
    root: join(folder, "root"),
    disks,
    hatPlus: options.hatPlus ?? true,
  };
  mkdirSync(board.root);
  mkdirSync(join(folder, "eeprom"));
  afterThisTest(() => powerOff(board));
  const layout = options.layout ?? "ubuntu";
  copyDisk(
    await cardOf(options.node, layout, options.bundle),
    imageOf(board, "mmcblk0"),
  );
  for (const name of namesOf(options.disks)) {
    sparseDisk(imageOf(board, name));
  }
  const settings =
    options.settings ??
    // As boards are sold: bootconf.txt in pieeprom-2026-05-26.bin.
    "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\nNET_INSTALL_AT_POWER_ON=1\n";
  writeFileSync(join(folder, "eeprom/settings"), settings);
  writeFileSync(join(folder, "eeprom/built"), "1739232000\n");
  writeFileSync(
    join(folder, "eeprom/package.bin"),
    "\0BUILD_TIMESTAMP=1739232000\0",
  );
  writeFileSync(note(board, "boots"), "0");
  return board;
};

/** What recovery.bin does before anything else starts: only from a card that is in the board. */
const flashBootLoader = (board: Board): void => {
  const pending = join(board.folder, "eeprom/pending");
  if (existsSync(pending)) {
    renameSync(pending, join(board.folder, "eeprom/settings"));
  }
};

/** Starts the board and returns the name of the disk whose system runs; nothing when no medium starts. */
export const start = (board: Board): string | undefined => {
  flashBootLoader(board);
  const order = readFileSync(join(board.folder, "eeprom/settings"), "utf8");
  const images = new Map(
    namesOf(board.disks).map((name) => [name, imageOf(board, name)]),
  );
  const booted = firmwareChoice(order, images, board.hatPlus);
  if (booted === undefined) {
    return undefined;
  }
  const wanted =
    /(?:^| )root=(\S+)/.exec(
      readFat(imageOf(board, booted), "cmdline.txt"),
    )?.[1] ?? "";
  const system = findFileSystem(wanted, images);
  const seen = board.disks.filter(
    (disk) =>
      !disk.startsWith("nvme") ||
      connectorIsOn(imageOf(board, booted), board.hatPlus),
  );
  const boots = Number(readFileSync(note(board, "boots"), "utf8")) + 1;
  for (const [name, text] of Object.entries({
    boots: String(boots),
    fats: "",
    log: "",
    system: `/dev/${partitionName(system.disk, system.partition)}\n`,
    disks: seen.map((disk) => `${disk}\n`).join(""),
  })) {
    writeFileSync(note(board, name), text);
  }
  for (const name of readdirSync(board.folder)) {
    if (/^(reboot|cut-happened|flushed-|half-made)/.test(name)) {
      rmSync(note(board, name));
    }
  }
  clearNotes(board);
  startSystem(board, system, namesOf(seen));
  mkdirSync(join(board.root, "run/cloud-init"));
  writeFileSync(join(board.root, "run/cloud-init/result.json"), "{}\n");
  const random = join(board.root, "proc/sys/kernel/random");
  rmSync(join(random, "uuid"), { force: true });
  symlinkSync("/proc/sys/kernel/random/uuid", join(random, "uuid"));
  writeFileSync(join(random, "boot_id"), `boot-${boots}\n`);
  const fstab = readFileSync(join(board.root, "etc/fstab"), "utf8");
  const boot = /^(\S+)\s+\/boot\/firmware\s/m.exec(fstab)?.[1] ?? "";
  fillBootFolder(board, findFileSystem(boot, images));
  return system.disk;
};

export type Outcome = {
  readonly end: "done" | "reboot" | "cut" | "waits" | "fails";
  readonly code: number | null;
  readonly output: string;
};

/** Runs a phase until it ends or the power goes, and takes the system down as that leaves it. */
export const runPhase = async (
  board: Board,
  phase: string,
): Promise<Outcome> => {
  const child = spawn(
    join(board.root, "usr/local/lib/pi-image/phases", phase),
    [],
    {
      detached: true,
      env: {
        ...environment(board),
        PI_IMAGE_PHASE: phase.replace(/^\d+-/, ""),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const group = child.pid ?? 0;
  let over = false;
  // Where the test ran out of time.
  afterThisTest(() => over || endGroup(group));
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  // What was killed holds its mounts until it is gone, with or without a pipe to us.
  awaitGroup(group);
  over = true;
  if (existsSync(note(board, "cut-happened"))) {
    losePower(board);
    return { end: "cut", code, output };
  }
  const end = existsSync(note(board, "reboot"))
    ? "reboot"
    : code === 0
      ? "done"
      : code === 75
        ? "waits"
        : "fails";
  return { end, code, output };
};

/** From now on the power is cut before and within each call that a phase makes; returns the cuts that were made. */
export const cutEveryCall = (board: Board): (() => readonly string[]) => {
  writeFileSync(note(board, "cuts"), "");
  mkdirSync(note(board, "made"));
  return () =>
    readFileSync(note(board, "cuts"), "utf8")
      .split("\n")
      .filter((line) => line !== "");
};

/** What has reached the media by now is what the next start finds; the rest was in memory. */
const losePower = (board: Board): void => {
  const images = namesOf(board.disks).map((name) => imageOf(board, name));
  const left = mkdtempSync(join(board.folder, "left-"));
  run("cp", "--sparse=always", ...images, left);
  powerOff(board);
  for (const image of images) {
    renameSync(join(left, basename(image)), image);
  }
  rmSync(left, { recursive: true });
};

/** An orderly end: everything is written and unmounted. */
export const shutDown = (board: Board): void => {
  execFileSync(join(inject("fakes"), "board/flush-fats"), {
    env: { ...process.env, ...environment(board) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  powerOff(board);
};
