// What happens when cards, cables, disks and processes fail: the tables of docs/reliability.md, made by doing it.
// UPDATE_GOLDENS=1 writes the page; else it must say what was seen.
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { oldFile, run, temporaryFolder } from "../device/loop.ts";
import { beginsWith, digestOf } from "../support/file-bytes.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";
import { memoryDisk, mountMemory } from "../device/memory-disk.ts";
import { CARD, FLASH_FAULTS, SIZE_FAULTS } from "./faults.ts";
import { FUSEPY, startFaultyDisk } from "./faulty-disk.ts";
import {
  bootMark,
  cardState,
  observe,
  type Seen,
  timeClass,
} from "./observe.ts";
import { image, before, imageFolder } from "./sample-image.ts";
import { flashWith } from "./flash-with-fault.ts";
import {
  noteFault,
  noteRefusal,
  noted,
  pageAsItIs,
  pageAsNoted,
  writePage,
} from "./page.ts";
import { REFUSED, loopOf, rootDisk } from "./refused-targets.ts";

const MIB = 1024 ** 2;

describeAsRoot(
  ["losetup", "lsblk", "umount", "flock", "xz", FUSEPY],
  "with a fault",
  () => {
    let folder = "";
    beforeEach(() => {
      folder = imageFolder();
    });

    it.each(FLASH_FAULTS)("$title", async (row) => {
      const [seen, card, noticed] = await flashWith(folder, row);
      noteFault(row.title, seen, card, noticed);
      expect(card).not.toBe("BOOTS AND IS WRONG");
      expect(card === "holds the image", seen.stderr).toBe(seen.exit === "0");
      // After the kill nobody is there to say anything.
      if (!["0", "SIGKILL"].includes(seen.exit)) {
        expect(seen.state).toContain("does not boot");
      }
    });

    it.each(SIZE_FAULTS)("$title", async ({ title, fault }) => {
      const backing = oldFile(join(folder, "backing"), CARD);
      const disk = await startFaultyDisk(backing, fault);
      const started = Date.now();
      const seen = await observe(
        ["devices", "--test", disk.device, "--yes"],
        folder,
        { [disk.device]: "CARD" },
      );
      const card = cardState(backing, image, before);
      noteFault(title, seen, card, timeClass(seen.ended - started));
      expect([seen.exit, card], seen.stderr).toEqual(["5", "as it was"]);
    });

    /** Flashes onto a target whose bytes are in the file, and notes what was seen. */
    const flashNoted = async (
      title: string,
      target: string,
      file: string,
      { name = "sample.img", plain = (said: string): string => said } = {},
    ) => {
      const started = Date.now();
      const seen = await observe(
        ["flash", target, name, "--yes", "--wipe"],
        folder,
        { [target]: "CARD" },
      );
      const card = cardState(file, image, before);
      noteFault(
        title,
        { ...seen, said: plain(seen.said) },
        card,
        timeClass(seen.ended - started),
      );
      return { seen, card };
    };

    it.each([
      ["a block of the image's archive is damaged", "damaged"],
      ["the image is not the one of its SHA256SUMS", "wrong sum"],
    ])("%s", async (title, how) => {
      const backing = oldFile(join(folder, "backing"), CARD);
      const disk = await startFaultyDisk(backing, { kind: "none" });
      let name = "sample.img";
      if (how === "damaged") {
        run("xz", "-0", "--block-size=1MiB", join(folder, name));
        name = "sample.img.xz";
        const archive = openSync(join(folder, name), "r+");
        const middle = Math.floor(fstatSync(archive).size / 2);
        writeSync(archive, Buffer.from("rotten"), 0, 6, middle);
        closeSync(archive);
      } else {
        writeFileSync(
          join(folder, "SHA256SUMS"),
          `${"0".repeat(64)}  ${name}\n`,
        );
      }
      const { seen, card } = await flashNoted(title, disk.device, backing, {
        name,
        plain: (said) =>
          how === "damaged" ? said.replaceAll(/\d+/g, "N") : said,
      });
      expect([seen.exit, card], seen.stderr).toEqual(["4", "does not boot"]);
    });

    it("the disk under a target file is full", async () => {
      const title = "the disk under a target file is full";
      const small = memoryDisk("size=16m");
      const target = join(small, "card.img");
      const { seen, card } = await flashNoted(title, target, target);
      expect([seen.exit, card], seen.stderr).toEqual(["1", "does not boot"]);
    });

    it("there is no room for the receipt", async () => {
      const title = "there is no room for the receipt";
      const out = join(folder, "out");
      mountMemory(out, "size=64k");
      writeFileSync(join(out, "filler"), Buffer.alloc(64 * 1024));
      const backing = oldFile(join(folder, "backing"), CARD);
      const disk = await startFaultyDisk(backing, { kind: "none" });
      const { seen, card } = await flashNoted(title, disk.device, backing, {
        plain: (said) => said.replace(/receipts\/\S+/, "receipts/..."),
      });
      expect([seen.exit, card], seen.stderr).toEqual(["1", "holds the image"]);
    });

    it("one of two cards fails", async () => {
      const title = "one of two cards fails";
      const project = temporaryFolder();
      const built = await runCli(
        ["build", "--host", "worker1", "--host", "worker2", "--base", "sample"],
        { cwd: project },
      );
      expect(built.status, built.stderr).toBe(0);
      const whole = readFileSync(join(project, "out", "worker2.img"));
      const good = oldFile(join(folder, "good"), whole.length);
      const bad = await startFaultyDisk(
        oldFile(join(folder, "backing"), whole.length),
        { kind: "write-error", at: 12 * MIB },
      );
      const seen = await observe(
        [
          "flash",
          "--host",
          `worker1=${bad.device}`,
          "--host",
          `worker2=${good}`,
          "--yes",
          "--wipe",
        ],
        project,
        { [bad.device]: "CARD" },
      );
      noteFault(
        title,
        seen,
        "the bad one does not boot, the other holds its image",
        timeClass(seen.ended - (bad.acted() ?? 0)),
      );
      expect(seen.exit, seen.stderr).toBe("1");
      expect(beginsWith(good, whole)).toBe(true);
      expect(bootMark(join(folder, "backing"))).not.toBe(0xaa55);
    });
  },
);

describeAsRoot(
  ["losetup", "lsblk", "mkfs.ext4", "mkswap", "unshare", "findmnt", "flock"],
  "a target that must not be written",
  () => {
    const refuse = async (
      title: string,
      target: string,
      folder: string,
      args: readonly string[] = [],
    ): Promise<void> => {
      const seen = await observe(
        ["flash", target, "sample.img", "--yes", ...args],
        folder,
        {
          [target]: "CARD",
          [folder]: "FOLDER",
          [basename(folder)]: "FOLDER",
        },
      );
      const said = seen.said.replaceAll(/\/dev\/loop\d+/g, "LOOP");
      noteRefusal(title, { ...seen, said });
      expect(seen.exit, seen.stderr).toBe("3");
      expect(seen.state).toMatch(
        /^(nothing was written|this run wrote nothing)/,
      );
    };

    it.each(REFUSED)("$title", async ({ title, make, args }) => {
      const folder = imageFolder();
      const { target, file } = await make(folder);
      const held = file === undefined ? undefined : digestOf(file);
      await refuse(title, target, folder, args);
      if (file !== undefined) {
        expect(digestOf(file)).toBe(held);
      }
    });

    it("no confirmation, and nobody to ask", async () => {
      const folder = imageFolder();
      const { target } = loopOf(folder);
      const seen = await observe(["flash", target, "sample.img"], folder, {
        [target]: "CARD",
      });
      expect([seen.exit, seen.said.split(":")[0]]).toEqual([
        "3",
        "TARGET_NOT_CONFIRMED",
      ]);
      noteRefusal("nobody confirms it", seen);
    });

    it("the disk of the running system", async ({ skip }) => {
      const disk = rootDisk();
      if (disk === undefined) {
        skip("the root directory is on no disk here");
        return;
      }
      const seen = await observe(
        ["flash", disk, "sample.img", "--yes", "--allow-fixed"],
        imageFolder(),
        {},
      );
      expect([seen.exit, seen.said.split(":")[0]]).toEqual([
        "3",
        expect.stringMatching(/^TARGET_(HOLDS_SYSTEM|IS_PARTITION)$/),
      ]);
    });

    it("a second pi-image on the same card", async () => {
      const folder = imageFolder();
      const { target, file } = loopOf(folder);
      truncateSync(file, CARD);
      let second: Promise<Seen> | undefined;
      await observe(
        ["flash", target, "sample.img", "--yes", "--wipe"],
        folder,
        {},
        {
          onRecord: (record, running) => {
            if (record.phase === "flash" && second === undefined) {
              running.signal("SIGSTOP");
              second = observe(
                ["flash", target, "sample.img", "--yes"],
                folder,
                { [target]: "CARD" },
              ).finally(() => running.signal("SIGCONT"));
            }
          },
        },
      );
      const told = await second;
      expect(told?.exit, told?.stderr).toBe("3");
      noteRefusal("a second pi-image on the same card", {
        said: told?.said ?? "",
        exit: told?.exit ?? "",
      });
    });
  },
);

const FAULTS = FLASH_FAULTS.length + SIZE_FAULTS.length + 5;
const REFUSALS = REFUSED.length + 2;

describeAsRoot(["losetup"], "docs/reliability.md", () => {
  it("says what was seen", async ({ skip }) => {
    const { faults, refusals } = noted();
    if (faults !== FAULTS || refusals !== REFUSALS) {
      skip(`only ${faults} faults and ${refusals} refusals were tried`);
      return;
    }
    const now = await pageAsNoted();
    if (process.env["UPDATE_GOLDENS"] === "1") {
      writePage(now);
    }
    expect(pageAsItIs()).toBe(now);
  });
});
