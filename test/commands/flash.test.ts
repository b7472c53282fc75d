// pi-image flash and verify as a user runs them, on loop devices full of old data: what is written, refused and told.
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  afterThisTest,
  attachLoop,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { mountMemory } from "../device/memory-disk.ts";
import {
  type CliResult,
  resultOf,
  runCli,
  startCli,
} from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";
import { buildProject } from "./built-project.ts";

const MIB = 1024 ** 2;
const CARD = 140 * MIB;

type Table = {
  readonly partitiontable: {
    readonly partitions: readonly {
      readonly start: number;
      readonly size: number;
    }[];
  };
};

const code = ({ stderr }: CliResult): string | undefined =>
  /^error\[(\w+)\]/m.exec(stderr)?.[1];

/** Cuts the two partitions out, has them judged, and lists every file with its content. */
const contentOf = (disk: string): ReadonlyMap<string, string> => {
  const folder = temporaryFolder();
  const table = JSON.parse(run("sfdisk", "--json", disk)) as Table;
  const [boot = "", root = ""] = table.partitiontable.partitions.map(
    ({ start, size }) => {
      const file = join(folder, `at-${start}`);
      run(
        "dd",
        `if=${disk}`,
        `of=${file}`,
        "bs=512",
        `skip=${start}`,
        `count=${size}`,
        "status=none",
      );
      return file;
    },
  );
  run("fsck.vfat", "-n", boot);
  run("e2fsck", "-fn", root);
  for (const name of ["boot", "root"]) {
    mkdirSync(join(folder, name));
  }
  run("mcopy", "-s", "-n", "-Q", "-i", boot, "::", join(folder, "boot"));
  run("debugfs", "-R", `rdump / ${join(folder, "root")}`, root);
  return new Map(
    ["boot", "root"].flatMap((top) =>
      readdirSync(join(folder, top), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [
          path.slice(folder.length),
          readFileSync(path).toString("base64"),
        ]),
    ),
  );
};

describeAsRoot(
  ["losetup", "lsblk", "sfdisk", "fsck.vfat", "e2fsck", "mcopy", "debugfs"],
  "pi-image flash",
  () => {
    const { folder: project, pi, image } = buildProject(["worker2"]);
    const oldCard = () => {
      const file = oldFile(join(temporaryFolder(), "card"), CARD);
      return { file, device: attachLoop(file) };
    };

    it("leaves the image's very files on a used card, and verify finds one changed byte", async () => {
      const { file, device } = oldCard();
      const flashed = await pi("flash", device, "--yes");
      expect(flashed.status, flashed.stderr).toBe(0);
      const content = contentOf(file);
      expect(content).toEqual(contentOf(join(project(), "out", "worker2.img")));
      expect(content.size).toBeGreaterThan(10);

      expect((await pi("verify", device)).status).toBe(0);
      expect((await pi("verify", device, "out/worker2.img")).status).toBe(0);
      run(
        "dd",
        "if=/dev/urandom",
        `of=${device}`,
        "bs=512",
        "seek=2048",
        "count=1",
        "conv=fsync,notrunc",
        "status=none",
      );
      const differs = await pi("verify", device, "out/worker2.img");
      expect(differs.status, differs.stderr).toBe(5);
      expect(code(differs)).toBe("READBACK_DIFFERS");
    });

    it("makes the card equal the image byte for byte with --wipe", async () => {
      const { file, device } = oldCard();
      const flashed = await pi("flash", device, "--yes", "--wipe");
      expect(flashed.status, flashed.stderr).toBe(0);
      const whole = image("worker2");
      expect(readFileSync(file).subarray(0, whole.length).equals(whole)).toBe(
        true,
      );
    });

    it("refuses every target that must not be written, and leaves it as it was", async () => {
      const folder = temporaryFolder();
      const file = oldFile(join(folder, "small"), 4 * MIB);
      const small = attachLoop(file);
      const locked = attachLoop(
        oldFile(join(folder, "locked"), MIB),
        "--read-only",
      );
      const mounted = join(folder, "mounted");
      run("mkfs.ext4", "-q", sparseFile(mounted, CARD));
      const inUse = attachLoop(mounted);
      mkdirSync(join(folder, "mnt"));
      run("mount", inUse, join(folder, "mnt"));
      afterThisTest(() => run("umount", join(folder, "mnt")));
      run("mkfifo", join(folder, "fifo"));

      const refusals = [
        [small, "TARGET_TOO_SMALL"],
        [locked, "TARGET_READ_ONLY"],
        [inUse, "TARGET_MOUNTED"],
        [file, "TARGET_HELD"],
        [folder, "TARGET_NOT_A_DEVICE"],
        ["/dev/null", "TARGET_NOT_A_DEVICE"],
        [join(folder, "fifo"), "TARGET_NOT_A_DEVICE"],
        ["/dev/no-such-disk", "TARGET_MISSING"],
        ["out/worker2.img", "TARGET_IS_SOURCE"],
      ] as const;
      for (const [target, expected] of refusals) {
        const refused = await pi("flash", target, "--yes");
        expect([target, code(refused), refused.status]).toEqual([
          target,
          expected,
          3,
        ]);
        expect(refused.stderr).toContain("state: nothing was written");
      }
      expect(
        readFileSync(file).equals(
          readFileSync(oldFile(join(folder, "same"), 4 * MIB)),
        ),
      ).toBe(true);
    });

    it("asks for --yes, and says what else stands in the way", async () => {
      const folder = temporaryFolder();
      const device = attachLoop(sparseFile(join(folder, "card"), CARD));
      const unasked = await pi("flash", device);
      expect([code(unasked), unasked.status]).toEqual([
        "TARGET_NOT_CONFIRMED",
        3,
      ]);
      const fresh = await pi("flash", "new-card.img");
      expect(fresh.stderr).toContain(
        "the new file new-card.img would be made,",
      );
      const serial = await pi("flash", device, "--yes", "--serial", "0x1");
      expect([code(serial), serial.status]).toEqual(["TARGET_WRONG_CARD", 3]);
      const large = await pi("flash", device, "--yes", "--max-size", "1MB");
      expect([code(large), large.status]).toEqual(["TARGET_TOO_LARGE", 3]);
      const missing = await pi("flash", device, "out/worker9.img", "--yes");
      expect([code(missing), missing.status]).toEqual(["IMAGE_UNREADABLE", 2]);
    });

    it("tells that the card is good when only its receipt cannot be kept", async () => {
      const folder = temporaryFolder();
      cpSync(join(project(), "out", "worker2.img"), join(folder, "card.img"));
      const small = join(folder, "out");
      mountMemory(small, "size=64k");
      writeFileSync(join(small, "filler"), Buffer.alloc(64 * 1024));
      const flashed = await runCli(["flash", "card", "card.img", "--yes"], {
        cwd: folder,
      });
      expect(flashed.status, flashed.stderr).toBe(1);
      expect(code(flashed)).toBe("RECEIPT_NOT_WRITTEN");
      expect(flashed.stderr).toContain("state: the card is good");
      expect(contentOf(join(folder, "card"))).toEqual(
        contentOf(join(folder, "card.img")),
      );
    });

    it("shows what would be lost before it asks, and lets the card go at the end", async () => {
      const folder = temporaryFolder();
      const file = sparseFile(join(folder, "card"), CARD);
      run("mkfs.ext4", "-q", "-L", "thesis", "-d", project(), file);
      const device = attachLoop(file);
      const tools = join(folder, "bin");
      const said = join(folder, "said");
      mkdirSync(tools);
      writeFileSync(
        join(tools, "eject"),
        `#!/bin/sh\necho "$@" >> ${said}\n[ ! -e ${said}.fail ]\n`,
        { mode: 0o755 },
      );
      const env = { PATH: `${tools}:${process.env["PATH"] ?? ""}` };
      const flashed = await runCli(["flash", device, "--yes", "--eject"], {
        cwd: project(),
        env,
      });
      expect(flashed.status, flashed.stderr).toBe(0);
      expect(flashed.stderr).toMatch(
        new RegExp(
          `^${device} is not empty:\n  the disk: ext4 "thesis", .* used, newest file 20`,
          "m",
        ),
      );
      expect(flashed.stderr).toContain(`${device}: can be pulled out`);
      expect(readFileSync(said, "utf8")).toBe(`${device}\n`);

      writeFileSync(`${said}.fail`, "");
      const again = await runCli(["flash", device, "--yes", "--eject"], {
        cwd: project(),
        env,
      });
      expect(again.status, again.stderr).toBe(0);
      // Now it is a card of ours.
      expect(again.stderr).not.toContain("is not empty");
      expect(again.stderr).toContain("it was not ejected");
    });

    it("ends with 130 on Ctrl-C, and the card does not boot until it is flashed again", async () => {
      const { file, device } = oldCard();
      const child = startCli(["flash", device, "--yes", "--wipe", "--json"], {
        cwd: project(),
      });
      child.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString("utf8").includes('"phase":"flash"')) {
          child.kill("SIGINT");
        }
      });
      const { status, stderr } = await resultOf(child);
      expect(status, stderr).toBe(130);
      expect(stderr).toContain("error[CANCELLED]");
      expect(
        readFileSync(file).subarray(0, MIB).equals(Buffer.alloc(MIB)),
      ).toBe(true);
      const again = await pi("flash", device, "--yes");
      expect(again.status, again.stderr).toBe(0);
      expect(
        readFileSync(file)
          .subarray(0, MIB)
          .equals(image("worker2").subarray(0, MIB)),
      ).toBe(true);
    });
  },
);
