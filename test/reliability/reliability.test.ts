// What happens when cards, cables, disks and processes fail: the tables of docs/reliability.md, made by doing it.
// UPDATE_GOLDENS=1 writes the page; else it must say what was seen.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { format } from "prettier";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { table } from "../../docs/generate/table.ts";
import { packageFile } from "../../src/system/package-files.ts";
import {
  afterThisTest,
  attachLoop,
  oldData,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  CARD,
  type CardFault,
  FLASH_FAULTS,
  IMAGE,
  SIZE_FAULTS,
} from "./faults.ts";
import { FUSEPY, startFaultyDisk } from "./faulty-disk.ts";
import { cardState, observe, type Seen, timeClass } from "./observe.ts";

const MIB = 1024 ** 2;
const PAGE = packageFile("docs/reliability.md");

type Line = readonly string[];
const faults = new Map<string, Line>();
const refused = new Map<string, Line>();

const line = (
  title: string,
  seen: Seen,
  card: string,
  noticed: string,
): Line => [
  title,
  seen.said === "" ? "-" : seen.said,
  seen.exit,
  card,
  noticed,
];

const image = (() => {
  const bytes = oldData(IMAGE);
  // Other bytes than the card's.
  bytes.reverse();
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
})();
const before = oldData(CARD);

describeAsRoot(
  ["losetup", "lsblk", "umount", "flock", "xz", FUSEPY],
  "with a fault",
  () => {
    let folder = "";
    beforeEach(() => {
      folder = temporaryFolder();
      writeFileSync(join(folder, "sample.img"), image);
    });

    const flashWith = async ({
      fault,
      args = [],
      signals = [],
    }: CardFault): Promise<readonly [Seen, string, string]> => {
      const backing = oldFile(join(folder, "backing"), CARD);
      const disk = await startFaultyDisk(backing, fault);
      let signalled: number | undefined;
      const watching = {
        onRecord: (
          record: {
            readonly type: string;
            readonly phase?: string;
            readonly done?: number;
          },
          running: { readonly signal: (name: NodeJS.Signals) => void },
        ) => {
          const [first, second] = signals;
          const due =
            fault.kind === "none"
              ? record.type === "progress" && (record.done ?? 0) > 4 * MIB
              : record.phase === "flash";
          if (first === undefined || signalled !== undefined || !due) {
            return;
          }
          signalled = Date.now();
          const send = () => {
            signalled = Date.now();
            running.signal(first);
            if (second !== undefined) {
              setTimeout(() => running.signal(second), 2000);
            }
          };
          if (fault.kind === "none") {
            send();
          } else {
            void vi
              .waitUntil(() => disk.acted() !== undefined, { timeout: 60_000 })
              .then(send);
          }
        },
      };
      const emptied = new AbortController();
      if (fault.kind === "vanishes" && fault.silent > 0) {
        void vi
          .waitUntil(() => disk.acted() !== undefined, {
            timeout: 60_000,
            interval: 20,
          })
          .then(() => {
            if (!emptied.signal.aborted) {
              disk.noticeSize();
            }
          });
      }
      const seen = await observe(
        ["flash", disk.device, "sample.img", "--yes", "--wipe", ...args],
        folder,
        { [disk.device]: "CARD" },
        watching,
      );
      emptied.abort();
      const since = signalled ?? disk.acted();
      const noticed =
        seen.exit === "0" || since === undefined
          ? "-"
          : timeClass(seen.ended - since);
      return [seen, cardState(backing, image, before), noticed];
    };

    it.each(FLASH_FAULTS)("$title", async (row) => {
      const [seen, card, noticed] = await flashWith(row);
      faults.set(row.title, line(row.title, seen, card, noticed));
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
      faults.set(
        title,
        line(title, seen, card, timeClass(seen.ended - started)),
      );
      expect([seen.exit, card], seen.stderr).toEqual(["5", "as it was"]);
    });

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
        writeSync(archive, Buffer.from("rotten"), 0, 6, 20 * MIB);
        closeSync(archive);
      } else {
        writeFileSync(
          join(folder, "SHA256SUMS"),
          `${"0".repeat(64)}  ${name}\n`,
        );
      }
      const started = Date.now();
      const seen = await observe(
        ["flash", disk.device, name, "--yes", "--wipe"],
        folder,
        { [disk.device]: "CARD" },
      );
      const said =
        how === "damaged" ? seen.said.replaceAll(/\d+/g, "N") : seen.said;
      const card = cardState(backing, image, before);
      faults.set(
        title,
        line(title, { ...seen, said }, card, timeClass(seen.ended - started)),
      );
      expect([seen.exit, card], seen.stderr).toEqual(["4", "does not boot"]);
    });

    it("the disk under a target file is full", async () => {
      const title = "the disk under a target file is full";
      const small = join(folder, "small");
      mkdirSync(small);
      run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small);
      afterThisTest(() => run("umount", small));
      const target = join(small, "card.img");
      const started = Date.now();
      const seen = await observe(
        ["flash", target, "sample.img", "--yes", "--wipe"],
        folder,
        { [target]: "CARD" },
      );
      const card = cardState(target, image, before);
      faults.set(
        title,
        line(title, seen, card, timeClass(seen.ended - started)),
      );
      expect([seen.exit, card], seen.stderr).toEqual(["1", "does not boot"]);
    });

    it("there is no room for the receipt", async () => {
      const title = "there is no room for the receipt";
      const out = join(folder, "out");
      mkdirSync(out);
      run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out);
      afterThisTest(() => run("umount", out));
      writeFileSync(join(out, "filler"), Buffer.alloc(64 * 1024));
      const backing = oldFile(join(folder, "backing"), CARD);
      const disk = await startFaultyDisk(backing, { kind: "none" });
      const started = Date.now();
      const seen = await observe(
        ["flash", disk.device, "sample.img", "--yes", "--wipe"],
        folder,
        { [disk.device]: "CARD" },
      );
      const said = seen.said.replace(/receipts\/\S+/, "receipts/...");
      const card = cardState(backing, image, before);
      faults.set(
        title,
        line(title, { ...seen, said }, card, timeClass(seen.ended - started)),
      );
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
      faults.set(
        title,
        line(
          title,
          seen,
          "the bad one does not boot, the other holds its image",
          timeClass(seen.ended - (bad.acted() ?? 0)),
        ),
      );
      expect(seen.exit, seen.stderr).toBe("1");
      expect(readFileSync(good).equals(whole)).toBe(true);
      expect(readFileSync(join(folder, "backing")).readUInt16LE(510)).not.toBe(
        0xaa55,
      );
    });
  },
);

type Refused = {
  readonly title: string;
  /** Gives the target and, where there is one, the file whose bytes must stay. */
  readonly make: (folder: string) => {
    readonly target: string;
    readonly file?: string;
  };
  readonly args?: readonly string[];
};

const loopOf = (folder: string, size = CARD, ...options: readonly string[]) => {
  const file = oldFile(join(folder, "disk"), size);
  return { file, target: attachLoop(file, ...options) };
};

/** The disk below the root directory; undefined where the root is no disk's. */
const rootDisk = (): string | undefined => {
  const { stdout } = spawnSync("findmnt", ["-no", "SOURCE", "/"], {
    encoding: "utf8",
  });
  const source = stdout.trim();
  return source.startsWith("/dev/") ? source : undefined;
};

const REFUSED: readonly Refused[] = [
  {
    title: "a mounted file system",
    make: (folder) => {
      const file = sparseFile(join(folder, "disk"), CARD);
      run("mkfs.ext4", "-q", file);
      const target = attachLoop(file);
      mkdirSync(join(folder, "mnt"));
      run("mount", target, join(folder, "mnt"));
      afterThisTest(() => run("umount", join(folder, "mnt")));
      return { target };
    },
  },
  {
    title: "a file system that is mounted in another namespace only",
    make: (folder) => {
      const file = sparseFile(join(folder, "disk"), CARD);
      run("mkfs.ext4", "-q", file);
      const target = attachLoop(file);
      mkdirSync(join(folder, "mnt"));
      const holder = spawn(
        "unshare",
        [
          "--mount",
          "--propagation",
          "private",
          "sh",
          "-c",
          `mount ${target} ${join(folder, "mnt")} && echo mounted && exec sleep 120`,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const done = join(folder, "mounted");
      holder.stdout.on("data", () => writeFileSync(done, ""));
      afterThisTest(() => {
        holder.kill("SIGKILL");
        spawnSync("sleep", ["0.3"]);
      });
      return { target };
    },
  },
  {
    title: "swap space in use",
    make: (folder) => {
      const file = join(folder, "disk");
      writeFileSync(file, Buffer.alloc(CARD));
      const target = attachLoop(file);
      run("mkswap", target);
      run("swapon", target);
      afterThisTest(() => run("swapoff", target));
      return { target };
    },
  },
  {
    title: "held open exclusively by another program",
    make: (folder) => {
      const made = loopOf(folder);
      const handle = openSync(
        made.target,
        constants.O_RDONLY | constants.O_EXCL,
      );
      afterThisTest(() => closeSync(handle));
      return made;
    },
  },
  {
    title: "locked by another program (systemd's block device lock)",
    make: (folder) => {
      const made = loopOf(folder);
      const other = spawn(
        "flock",
        ["--exclusive", made.target, "sleep", "120"],
        {
          detached: true,
          stdio: "ignore",
        },
      );
      const { pid = 0 } = other;
      afterThisTest(() => process.kill(-pid, "SIGKILL"));
      return made;
    },
  },
  {
    title: "write-protected",
    make: (folder) => loopOf(folder, CARD, "--read-only"),
  },
  { title: "too small", make: (folder) => loopOf(folder, 4 * MIB) },
  {
    title: "larger than `--max-size`",
    make: (folder) => loopOf(folder),
    args: ["--max-size", "16MiB"],
  },
  {
    title: "another serial than `--serial`",
    make: (folder) => loopOf(folder),
    args: ["--serial", "0x1234"],
  },
  {
    title: "a file that is attached as a loop device",
    make: (folder) => {
      const { file } = loopOf(folder);
      return { target: file, file };
    },
  },
  {
    title: "the image itself",
    make: (folder) => ({ target: join(folder, "sample.img") }),
  },
  {
    title: "the image itself, through a link",
    make: (folder) => {
      symlinkSync(join(folder, "sample.img"), join(folder, "link"));
      return { target: join(folder, "link") };
    },
  },
  {
    title: "a regular file in /dev",
    make: () => {
      const target = "/dev/pi-image-test-file";
      writeFileSync(target, "");
      afterThisTest(() => rmSync(target));
      return { target };
    },
  },
  { title: "a name that is not there", make: () => ({ target: "/dev/sdzz" }) },
  { title: "a folder", make: (folder) => ({ target: folder }) },
  { title: "a character device", make: () => ({ target: "/dev/null" }) },
  {
    title: "a named pipe",
    make: (folder) => {
      run("mkfifo", join(folder, "fifo"));
      return { target: join(folder, "fifo") };
    },
  },
];

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
      refused.set(title, [
        title,
        seen.said.replaceAll(/\/dev\/loop\d+/g, "LOOP"),
        seen.exit,
      ]);
      expect(seen.exit, seen.stderr).toBe("3");
      expect(seen.state).toMatch(
        /^(nothing was written|this run wrote nothing)/,
      );
    };
    const place = (): string => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, "sample.img"), image);
      return folder;
    };

    it.each(REFUSED)("$title", async ({ title, make, args }) => {
      const folder = place();
      const { target, file } = make(folder);
      const bytes = file === undefined ? undefined : readFileSync(file);
      spawnSync("sleep", ["0.3"]);
      await refuse(title, target, folder, args);
      if (file !== undefined && bytes !== undefined) {
        expect(readFileSync(file).equals(bytes)).toBe(true);
      }
    });

    it("no confirmation, and nobody to ask", async () => {
      const folder = place();
      const { target } = loopOf(folder);
      const seen = await observe(["flash", target, "sample.img"], folder, {
        [target]: "CARD",
      });
      expect([seen.exit, seen.said.split(":")[0]]).toEqual([
        "3",
        "TARGET_NOT_CONFIRMED",
      ]);
      refused.set("confirm", ["nobody confirms it", seen.said, seen.exit]);
    });

    it("the disk of the running system", async ({ skip }) => {
      const disk = rootDisk();
      if (disk === undefined) {
        skip("the root directory is on no disk here");
        return;
      }
      const seen = await observe(
        ["flash", disk, "sample.img", "--yes", "--allow-fixed"],
        place(),
        {},
      );
      expect([seen.exit, seen.said.split(":")[0]]).toEqual([
        "3",
        expect.stringMatching(/^TARGET_(HOLDS_SYSTEM|IS_PARTITION)$/),
      ]);
    });

    it("a second pi-image on the same card", async () => {
      const folder = place();
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
      refused.set("second", [
        "a second pi-image on the same card",
        told?.said ?? "",
        told?.exit ?? "",
      ]);
    });
  },
);

const between = (text: string, name: string, content: string): string =>
  text.replace(
    new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- /${name} -->)`),
    (_, start: string, end: string) => `${start}\n${content}\n${end}`,
  );

const FAULTS = FLASH_FAULTS.length + SIZE_FAULTS.length + 5;
const REFUSALS = REFUSED.length + 2;

describeAsRoot(["losetup"], "docs/reliability.md", () => {
  it("says what was seen", async ({ skip }) => {
    if (faults.size !== FAULTS || refused.size !== REFUSALS) {
      skip(
        `only ${faults.size} faults and ${refused.size} refusals were tried`,
      );
      return;
    }
    const page = readFileSync(PAGE, "utf8");
    const now = between(
      between(
        page,
        "faults",
        table(
          ["fault", "what pi-image says", "exit", "the card", "noticed"],
          [...faults.values()],
        ),
      ),
      "refused",
      table(["target", "what pi-image says", "exit"], [...refused.values()]),
    );
    const formatted = await format(now, { parser: "markdown" });
    if (process.env["UPDATE_GOLDENS"] === "1") {
      writeFileSync(PAGE, formatted);
    }
    expect(readFileSync(PAGE, "utf8")).toBe(formatted);
  });
});

afterAll(() => {
  console.log(
    `planted faults: ${faults.size} of ${FAULTS}; refused disks: ${refused.size} of ${REFUSALS}`,
  );
});
