// What a TARGET argument can turn out to be, on the real system.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inspectTarget } from "../../src/device/look/inspect-target.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { refusals } from "../../src/device/target-rules.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import {
  afterThisTest,
  attachLoop,
  run,
  sparseFile,
  temporaryFolder,
} from "./loop.ts";

const MIB = 1024 ** 2;

const wish = {
  imageSize: 64 * MIB,
  allowFixed: true,
  maxSize: 2 ** 50,
};

/** The codes and reasons that a path is refused for, with `folder` and loop numbers taken out. */
const refused = async (path: string): Promise<readonly string[]> =>
  refusals(await inspectTarget(path, listDevices), wish).map(
    ({ code, reason }) => `${code}: ${reason.replaceAll(path, "IT")}`,
  );

describeWithTools(["lsblk"], "inspectTarget", () => {
  test.each([
    ["/dev/null", "TARGET_NOT_A_DEVICE: IT is a character device, not a disk"],
    ["/tmp", "TARGET_NOT_A_DEVICE: IT is a folder"],
    ["/dev/sdzz", "TARGET_MISSING: IT does not exist"],
    ...["/proc/version", "/proc/new", "/sys/kernel/uevent_seqnum"].map(
      (path) => [
        path,
        "TARGET_NOT_A_DEVICE: IT exists only inside the kernel, like everything in /proc and /sys",
      ],
    ),
    [
      `/tmp/${"n".repeat(300)}`,
      "TARGET_MISSING: IT cannot be reached: its name is too long",
    ],
    [
      "/no/such/folder/card.img",
      "TARGET_MISSING: IT cannot be created: there is no folder /no/such/folder that you may enter",
    ],
  ])("refuses %s", async (path, reason) => {
    expect(await refused(path)).toEqual([reason]);
  });

  test("refuses a named pipe, a dangling link, and a link to a folder", async () => {
    const folder = temporaryFolder();
    run("mkfifo", join(folder, "pipe"));
    symlinkSync("/dev/disk/by-id/gone", join(folder, "link"));
    mkdirSync(join(folder, "sub"));
    symlinkSync("sub", join(folder, "to-folder"));
    symlinkSync("circle", join(folder, "circle"));
    expect(await refused(join(folder, "circle"))).toEqual([
      "TARGET_MISSING: IT cannot be reached: it is a symbolic link that leads in a circle",
    ]);
    expect(await refused(join(folder, "pipe"))).toEqual([
      "TARGET_NOT_A_DEVICE: IT is a named pipe",
    ]);
    expect(await refused(join(folder, "link"))).toEqual([
      "TARGET_MISSING: IT is a symbolic link to nothing",
    ]);
    expect(await refused(join(folder, "to-folder"))).toEqual([
      "TARGET_NOT_A_DEVICE: IT is a folder",
    ]);
  });

  test("takes a file, through a link too, and a file that is not there yet", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "card.img"), "old");
    symlinkSync("card.img", join(folder, "link"));
    expect(
      await inspectTarget(join(folder, "link"), listDevices),
    ).toMatchObject({
      kind: "file",
      exists: true,
      size: 3,
      realPath: join(folder, "card.img"),
    });
    expect(
      await inspectTarget(join(folder, "new.img"), listDevices),
    ).toMatchObject({
      kind: "file",
      exists: false,
      realPath: join(folder, "new.img"),
    });
  });
});

describeAsRoot(
  ["lsblk", "losetup", "mkfs.ext4", "mkswap", "partx", "sfdisk"],
  "refusals on the real system",
  () => {
    const loopOf = (size = 80 * MIB, ...options: readonly string[]) => {
      const folder = temporaryFolder();
      const file = sparseFile(join(folder, "disk"), size);
      return { folder, file, device: attachLoop(file, ...options) };
    };

    /** A partition node without the kernel's own scan, which some build machines lack. */
    const partition = (device: string): string => {
      run(
        "sh",
        "-c",
        `printf 'label: dos\\n2048,\\n' | sfdisk --quiet --no-reread --no-tell-kernel ${device}`,
      );
      run("partx", "--add", device);
      afterThisTest(() => run("partx", "--delete", device));
      return `${device}p1`;
    };

    test("takes a free loop device", async () => {
      const { device } = loopOf();
      expect(await refused(device)).toEqual([]);
    });

    test("refuses the disk of the running system", async () => {
      const system = (await listDevices()).filter(
        (device) => device.system !== undefined,
      );
      expect(system.length).toBeGreaterThan(0);
      for (const { path } of system) {
        expect((await refused(path))[0]).toMatch(
          /^TARGET_HOLDS_SYSTEM: IT holds the running system: /,
        );
      }
    });

    test("refuses a mounted device, and one with a mounted partition", async () => {
      const { folder, device } = loopOf();
      const part = partition(device);
      run("mkfs.ext4", "-q", part);
      const at = join(folder, "mnt with blank");
      mkdirSync(at);
      run("mount", part, at);
      afterThisTest(() => run("umount", at));
      expect(await refused(device)).toEqual([
        `TARGET_MOUNTED: IT is mounted: ITp1 on ${at}`,
      ]);
      expect(await refused(part)).toEqual([
        `TARGET_IS_PARTITION: IT is a partition of ${device}; an image needs the whole disk`,
      ]);
    });

    test("refuses a device that is mounted in another namespace only", async () => {
      const { folder, device } = loopOf();
      run("mkfs.ext4", "-q", device);
      const at = join(folder, "inside");
      mkdirSync(at);
      run(
        "unshare",
        "--mount",
        "--fork",
        "sh",
        "-c",
        `mount ${device} ${at}; (sleep 3600 & echo $! >${folder}/pid) >/dev/null 2>&1`,
      );
      const pid = Number(run("cat", join(folder, "pid")));
      afterThisTest(() => process.kill(pid, "SIGKILL"));
      expect(await refused(device)).toEqual([
        `TARGET_MOUNTED: IT is mounted: IT on ${at}`,
      ]);
    });

    test("refuses a device that is swapped to", async () => {
      const { device } = loopOf();
      run("mkswap", device);
      run("swapon", device);
      afterThisTest(() => run("swapoff", device));
      expect(await refused(device)).toEqual([
        "TARGET_SWAP: IT is used for swapping: IT",
      ]);
    });

    test("refuses a read-only, a small and an empty device, and an attached file", async () => {
      const locked = loopOf(80 * MIB, "--read-only");
      expect(await refused(locked.device)).toEqual([
        "TARGET_READ_ONLY: IT is read-only",
      ]);
      expect(await refused(locked.file)).toEqual([
        `TARGET_HELD: IT is attached as ${locked.device}`,
      ]);
      const small = loopOf(63 * MIB);
      expect(await refused(small.device)).toEqual([
        "TARGET_TOO_SMALL: IT has 66,060,288 bytes, the image needs 67,108,864 bytes",
      ]);
      const empty = (await listDevices()).findLast(
        ({ kind, size }) => kind === "loop" && size === 0,
      );
      expect(await refused(empty?.path ?? "")).toEqual([
        "TARGET_NO_MEDIUM: IT has no card or disk in it",
      ]);
    });

    test("refuses a regular file in /dev", async () => {
      const path = "/dev/pi-image-test-file";
      writeFileSync(path, "written to a name that was not there");
      afterThisTest(() => run("rm", path));
      expect(await refused(path)).toEqual([
        "TARGET_NOT_A_DEVICE: IT is a regular file that someone wrote where a device was expected",
      ]);
    });
  },
);

describe("listDevices", () => {
  test.runIf(process.platform === "linux")(
    "gives each device once, with a size in whole blocks",
    async () => {
      const devices = await listDevices();
      expect(devices.length).toBeGreaterThan(0);
      expect(new Set(devices.map(({ name }) => name)).size).toBe(
        devices.length,
      );
      for (const { size, logicalBlock } of devices) {
        expect(size % logicalBlock).toBe(0);
      }
    },
  );
});
