// The system moves from the card to a disk, on loop devices and with the real tools, whatever goes wrong meanwhile.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { holdsText } from "../support/file-bytes.ts";
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
import {
  asPartition,
  type Bundle,
  flipped,
  makeBundle,
} from "./bundle/make-bundle.ts";
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

const bundle = async (): Promise<Bundle> =>
  makeBundle({ images: ["registry.k8s.io/pause:3.10.2"] });

/** The card is not needed any more. */
const expectBundle = (board: Board, carried: Bundle): void => {
  const copy = readFileSync(join(board.root, "var/lib/pi-image/bundle.tar"));
  expect(copy.equals(asPartition(carried))).toBe(true);
};

describeAsRoot(TOOLS, "a card that moves its system to a disk", () => {
  it(
    "arrives there, and neither starts any more nor keeps a secret",
    async () => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        bundle: await bundle(),
      });
      const { system, starts } = await moveSystem(board);
      expect({ system, starts }).toEqual({ system: "nvme0n1", starts: 2 });
      expectSystem(board, "nvme0n1");
      expectBundle(board, await bundle());
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
        bundle: await bundle(),
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
      expectBundle(board, await bundle());
      shutDown(board);
      expectApart(imageOf(board, "mmcblk0"), imageOf(board, "nvme0n1"));
      expectSound(imageOf(board, "nvme0n1"), board.folder);
      expect(readFat(imageOf(board, "mmcblk0"), "config.txt")).toBe("");
    },
    MANY_STARTS,
  );

  it.each(["usr/big", "var/lib/pi-image/bundle.tar"])(
    "finds a copy that does not hold what was written to %s, stays as it is, and copies again",
    async (path) => {
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        bundle: await bundle(),
      });
      start(board);
      writeFileSync(join(board.folder, "spoil"), `${path}\n`);
      const { end, output } = await runPhase(board, "15-storage");
      shutDown(board);
      expect(end).toBe("fails");
      expect(output).toMatch(
        new RegExp(
          `The copy does not hold what was written to it: .*${basename(path)}`,
        ),
      );
      expect(await moveSystem(board)).toEqual({ system: "nvme0n1", starts: 2 });
      expectBundle(board, await bundle());
    },
    MANY_STARTS,
  );

  it(
    "does not begin with a bundle that is damaged",
    async () => {
      const whole = await bundle();
      const board = await makeBoard({
        node: moving,
        disks: [NVME],
        bundle: {
          ...whole,
          data: flipped(whole.data, "io.containerd.image.name"),
        },
      });
      expect(await refusal(board, "nvme0n1")).toContain(
        "The bundle on /dev/mmcblk0p3 is damaged: images.tar is not as its index says. This node reads it again; flash this card again when that does not help.",
      );
    },
    MANY_STARTS,
  );

  it(
    "takes no file that comes, goes or grows meanwhile for a copy that failed",
    async () => {
      const board = await makeBoard({ node: moving, disks: [NVME] });
      start(board);
      for (const name of ["leaves", "grows"]) {
        writeFileSync(join(board.root, "etc", name), "before\n");
      }
      writeFileSync(join(board.folder, "busy"), "");
      const { end, output } = await runPhase(board, "15-storage");
      shutDown(board);
      expect({ end, output }).toEqual({
        end: "reboot",
        output: expect.not.stringContaining("hold") as string,
      });
      expect(existsSync(join(board.folder, "busy"))).toBe(false);
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
      const needed = async (of: Board): Promise<number> => {
        sparseDisk(imageOf(of, "nvme0n1"), 20);
        const output = await refusal(
          withDisks(of, of.disks.slice(0, 2)),
          "nvme0n1",
        );
        const [, megabytes] =
          /is too small: the system needs (\d+) MB/.exec(output) ?? [];
        return Number(megabytes);
      };
      const carrying = await makeBoard({
        node: moving,
        disks: [NVME],
        bundle: await bundle(),
      });
      const more = (await needed(carrying)) - (await needed(board));
      // 4 MiB of bundle, and its few scripts.
      expect([4, 5]).toContain(more);
    },
    MANY_STARTS,
  );
});
