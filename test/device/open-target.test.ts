// Opening targets for us alone: what the kernel refuses, what has changed since the check, and what is read is real.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { alignedBuffers } from "../../src/device/open/aligned-memory.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { openForReading } from "../../src/device/open/open-for-reading.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import type { DeviceTarget, UsableTarget } from "../../src/device/target.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import {
  afterThisTest,
  attachLoop,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
  usableTarget,
} from "./loop.ts";
import { endGroup } from "../support/process-group.ts";

const MIB = 1024 ** 2;

const aligned = (fill: number): Buffer => {
  const [buffer = Buffer.alloc(0)] = alignedBuffers(1, 65_536);
  return buffer.fill(fill);
};

const open = (target: UsableTarget, size = MIB): Promise<OpenTarget> =>
  openTarget(target, size, listDevices);

const deviceTarget = async (path: string): Promise<DeviceTarget> => {
  const target = await usableTarget(path);
  if (target.kind !== "device") {
    throw new Error(`${path} is a file`);
  }
  return target;
};

describeAsRoot(
  ["lsblk", "losetup", "mkfs.ext4", "flock"],
  "openTarget on devices",
  () => {
    const loop = (
      size = 8 * MIB,
    ): { readonly file: string; readonly device: string } => {
      const file = oldFile(join(temporaryFolder(), "disk"), size);
      return { file, device: attachLoop(file) };
    };

    test("writes, flushes and reads past the page cache", async () => {
      const { file, device } = loop();
      const target = await open(await usableTarget(device));
      expect(target).toMatchObject({
        direct: true,
        readBack: "medium",
        size: 8 * MIB,
      });
      await target.write(aligned(7), 65_536);
      await target.flush();
      const into = aligned(0);
      await target.read(into, 65_536);
      expect(into.equals(aligned(7))).toBe(true);

      // The judge: a read through the cache does not see what happens on the medium, ours does.
      const cached = openSync(device, "r");
      afterThisTest(() => closeSync(cached));
      const before = Buffer.alloc(4096);
      readSync(cached, before, 0, 4096, 65_536);
      const backing = openSync(file, "r+");
      writeSync(backing, Buffer.alloc(4096, 9), 0, 4096, 65_536);
      closeSync(backing);
      const stale = Buffer.alloc(4096);
      readSync(cached, stale, 0, 4096, 65_536);
      expect(stale.equals(before)).toBe(true);
      await target.read(into, 65_536);
      expect(into[0]).toBe(9);
      await target.close();
    });

    test("keeps everybody else away, and is kept away", async () => {
      const { device } = loop();
      const target = await usableTarget(device);
      const first = await open(target);
      await expect(open(target)).rejects.toMatchObject({
        code: "TARGET_IN_USE",
        exitCode: 3,
        state: "nothing was written",
      });
      await first.close();
      const second = await open(target);
      await second.close();
    });

    test("holds the lock that udev honours, as long as it is open", async () => {
      const { device } = loop();
      const lock = () =>
        spawnSync("flock", ["--exclusive", "--nonblock", device, "true"])
          .status;
      expect(lock()).toBe(0);
      const target = await open(await usableTarget(device));
      expect(lock()).toBe(1);
      await target.close();
      expect(lock()).toBe(0);
    });

    test("is kept away by another program's lock", async () => {
      const { device } = loop();
      const other = spawn("flock", ["--exclusive", device, "sleep", "3600"], {
        detached: true,
        stdio: "ignore",
      });
      const { pid = 0 } = other;
      afterThisTest(() => endGroup(pid));
      const taken = () =>
        spawnSync("flock", ["--nonblock", device, "true"]).status === 1;
      await vi.waitUntil(taken, { timeout: 120_000 });
      const target = await usableTarget(device);
      await expect(open(target)).rejects.toMatchObject({
        code: "TARGET_IN_USE",
        message: `${device} is in use: another program holds its lock`,
      });
    });

    test("sees when the medium changes under it", async () => {
      const { file, device } = loop();
      const target = await open(await usableTarget(device));
      expect(target.gone()).toBe(false);
      truncateSync(file, 4 * MIB);
      run("losetup", "--set-capacity", device);
      expect(target.gone()).toBe(true);
      await target.close();
    });

    test("does not open a device that was mounted after the check", async () => {
      const { device } = loop();
      run("mkfs.ext4", "-q", device);
      const target = await usableTarget(device);
      const at = temporaryFolder();
      run("mount", device, at);
      afterThisTest(() => run("umount", at));
      await expect(open(target)).rejects.toMatchObject({
        code: "TARGET_IN_USE",
      });
    });

    test("notices another medium under the same name", async () => {
      const { device } = loop();
      const target = await deviceTarget(device);
      const changes = [
        { diskSequence: "1" },
        { size: 4 * MIB },
        { serial: "0x1" },
        { number: "8:99" },
      ];
      for (const change of changes) {
        const other = { ...target, device: { ...target.device, ...change } };
        await expect(open(other)).rejects.toMatchObject({
          code: "TARGET_CHANGED",
        });
      }
      const same = await open(target);
      await same.close();
    });

    test("says what to do when permission is missing, and when the device is locked or gone", async () => {
      const { file, device } = loop();
      const target = await deviceTarget(device);
      const seteuid = process.seteuid?.bind(process) ?? (() => undefined);
      seteuid(65_534);
      try {
        await expect(open(target)).rejects.toMatchObject({
          code: "TARGET_NO_PERMISSION",
          hint: expect.stringContaining("sudo"),
        });
      } finally {
        seteuid(0);
      }
      const gone = {
        ...target,
        device: { ...target.device, path: "/dev/sdzz" },
      };
      await expect(open(gone)).rejects.toMatchObject({
        code: "TARGET_MISSING",
      });
      const locked = await usableTarget(attachLoop(file, "--read-only"));
      await expect(open(locked)).rejects.toMatchObject({
        code: expect.stringMatching(/^TARGET_(READ_ONLY|NO_PERMISSION)$/),
      });
      afterThisTest(() => undefined);
    });

    test("discards best effort and re-reads the partition table when it closes", async () => {
      const { device } = loop();
      const target = await open(await usableTarget(device));
      await target.discard();
      const into = aligned(1);
      await target.read(into, 4 * MIB);
      expect(into.equals(aligned(0))).toBe(true);
      await expect(target.present()).resolves.toBe(true);
      await target.close();
    });
  },
);

describeWithTools(["lsblk"], "openTarget on files", () => {
  test("creates a file that only its owner reads, and locks it", async () => {
    const path = join(temporaryFolder(), "card.img");
    const target = await open(await usableTarget(path), 3 * MIB);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await usableTarget(path);
    await expect(open(again)).rejects.toMatchObject({
      code: "TARGET_IN_USE",
      message: expect.stringContaining("a second pi-image"),
    });
    await target.write(aligned(5), 2 * MIB);
    await target.settle();
    await target.close();
    expect(statSync(path).size).toBe(3 * MIB);
    const free = await open(again, MIB);
    expect(free.size).toBe(3 * MIB);
    await free.close();
  });

  test("keeps a larger file's size, and drops its content when told to", async () => {
    const path = oldFile(join(temporaryFolder(), "card.img"), 2 * MIB);
    const target = await open(await usableTarget(path), MIB);
    await target.discard();
    await target.close();
    expect(statSync(path).size).toBe(2 * MIB);
    expect(Number(run("stat", "--format=%b", path))).toBe(0);
  });

  test("opens read-only for verifying, without waiting for a writer", async () => {
    const path = oldFile(join(temporaryFolder(), "card.img"), 10_000);
    const writer = await open(await usableTarget(path), 10_000);
    const reader = await openForReading(await usableTarget(path));
    const into = aligned(0);
    await reader.read(into.subarray(0, 4096), 8192, 10_000 - 8192);
    expect(into.subarray(0, 4).equals(Buffer.alloc(4))).toBe(false);
    await expect(reader.read(into, 16_384, 1)).rejects.toMatchObject({
      code: "TARGET_GONE",
    });
    await reader.close();
    await writer.close();
  });
});

describeAsRoot(["lsblk"], "openTarget where direct I/O is refused", () => {
  test("says that reading back comes from the page cache", async () => {
    const at = temporaryFolder();
    // Direct I/O came to tmpfs with Linux 6.6; ramfs has none.
    run("mount", "-t", "ramfs", "ramfs", at);
    afterThisTest(() => run("umount", at));
    const target = await open(await usableTarget(join(at, "card.img")));
    expect(target).toMatchObject({ direct: false, readBack: "page cache" });
    await target.write(aligned(3), 0);
    const into = aligned(0);
    await target.read(into, 0);
    expect(into.equals(aligned(3))).toBe(true);
    await target.close();
  });
});

describe("alignedBuffers", () => {
  test.runIf(process.platform === "linux")(
    "pass direct I/O where an ordinary buffer does not",
    () => {
      const path = sparseFile(join(temporaryFolder(), "file"), MIB);
      const file = openSync(path, constants.O_RDWR | constants.O_DIRECT);
      afterThisTest(() => closeSync(file));
      const crooked = Buffer.from(new ArrayBuffer(8192), 1, 4096);
      expect(() => writeSync(file, crooked, 0, 4096, 0)).toThrow("EINVAL");
      for (const buffer of alignedBuffers(3, 4096)) {
        expect(writeSync(file, buffer, 0, 4096, 4096)).toBe(4096);
      }
    },
  );
});
