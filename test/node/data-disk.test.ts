// The data disk beside the card, on loop devices and with the real tools: formatted once, and never what is not ours.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { sampleNode } from "../seed/sample-project.ts";
import { digestOf } from "../support/file-bytes.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  type Board,
  cutEveryCall,
  makeBoard,
  removeCards,
  type Outcome,
  runPhase,
  shutDown,
  start,
} from "./board/board.ts";
import { copyDisk, strangeDisk } from "./board/media.ts";
import { imageOf } from "./board/running.ts";

const keeping: ResolvedNode = {
  ...sampleNode,
  storage: "sd+nvme-data",
  dataMount: "/srv/data",
};

const NVME = "nvme0n1 nvme Disk";
const MANY_STARTS = 1_800_000;

/** Starts and runs the phase until it is not cut any more; the system stays up. */
const mountData = async (board: Board): Promise<Outcome> => {
  for (let starts = 1; starts < 50; starts += 1) {
    start(board);
    const outcome = await runPhase(board, "15-data");
    if (outcome.end !== "cut") {
      return outcome;
    }
  }
  throw new Error("the phase never ends");
};

const inData = (board: Board, name: string): string =>
  join(board.root, "srv/data", name);

afterAll(removeCards);

describeAsRoot(
  ["blkid", "losetup", "mcopy", "mke2fs", "sfdisk", "wipefs"],
  "a data disk",
  () => {
    it(
      "is formatted when it is empty, mounted, and kept by the next card",
      async () => {
        const board = await makeBoard({ node: keeping, disks: [NVME] });
        expect(await mountData(board)).toMatchObject({ end: "done" });
        writeFileSync(inData(board, "precious"), "data");
        expect(readFileSync(join(board.root, "etc/fstab"), "utf8")).toMatch(
          /^UUID=[0-9a-f-]{36}\t\/srv\/data\text4\tdefaults,noatime,nofail,x-systemd\.device-timeout=infinity\t0\t2$/m,
        );
        expect(
          readFileSync(
            join(board.root, "var/lib/pi-image/notes/storage"),
            "utf8",
          ),
        ).toBe("Data lie on /dev/nvme0n1 (96M Disk), mounted on /srv/data.\n");
        shutDown(board);

        const next = await makeBoard({ node: keeping, disks: [NVME] });
        copyDisk(imageOf(board, "nvme0n1"), imageOf(next, "nvme0n1"));
        const { output } = await mountData(next);
        expect(output).toContain("has data of an earlier card, which are kept");
        expect(readFileSync(inData(next, "precious"), "utf8")).toBe("data");
      },
      MANY_STARTS,
    );

    it(
      "is mounted whichever call the power is cut in",
      async () => {
        const board = await makeBoard({ node: keeping, disks: [NVME] });
        const cuts = cutEveryCall(board);
        expect(await mountData(board)).toMatchObject({ end: "done" });
        writeFileSync(inData(board, "precious"), "data");
        const tools = new Set(cuts().map((call) => call.split(" ", 1).join()));
        expect([...tools].toSorted()).toEqual(
          "mkfs.ext4 mount mv sfdisk sync systemctl".split(" "),
        );
        shutDown(board);
        expect(await mountData(board)).toMatchObject({ end: "done" });
        expect(readFileSync(inData(board, "precious"), "utf8")).toBe("data");
      },
      MANY_STARTS,
    );

    it(
      "that holds anything is left alone",
      async () => {
        const board = await makeBoard({ node: keeping, disks: [NVME] });
        const disk = imageOf(board, "nvme0n1");
        strangeDisk(disk, "somebody's data", 4096);
        const before = digestOf(disk);
        const { end, output } = await mountData(board);
        shutDown(board);
        expect(end).toBe("fails");
        expect(output).toContain("is not empty and is left as it is");
        expect(digestOf(disk)).toBe(before);
      },
      MANY_STARTS,
    );
  },
);
