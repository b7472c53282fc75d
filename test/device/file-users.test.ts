// Who uses a file, found on real loop devices and in real processes, by any of the file's names.
import {
  closeSync,
  linkSync,
  openSync,
  renameSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileUsers } from "../../src/device/look/file-users.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  afterThisTest,
  attachLoop,
  run,
  sparseFile,
  temporaryFolder,
} from "./loop.ts";

const MIB = 1024 ** 2;

const users = (path: string) => fileUsers(path, listDevices);

describeAsRoot(["losetup", "mkfs.ext4", "mount"], "fileUsers", () => {
  test("finds the loop devices of a file by each of its names", async () => {
    const folder = temporaryFolder();
    const file = sparseFile(join(folder, "a.img"), 8 * MIB);
    expect(await users(file)).toEqual([]);
    const device = attachLoop(file);
    const found = [{ kind: "loop", device, readOnly: false, uses: [] }];
    expect(await users(file)).toEqual(found);
    const link = join(folder, "hard link");
    linkSync(file, link);
    symlinkSync(file, join(folder, "soft"));
    expect(await users(link)).toEqual(found);
    expect(await users(join(folder, "soft"))).toEqual(found);
    // The name that it was attached by is gone, and then it is another file's.
    renameSync(file, join(folder, "b.img"));
    expect(await users(link)).toEqual(found);
    unlinkSync(join(folder, "b.img"));
    expect(await users(link)).toEqual(found);
    const other = sparseFile(join(folder, "b.img"), MIB);
    expect(await users(other)).toEqual([]);
    expect(await users(link)).toEqual(found);
  });

  test("tells what is mounted from it, and that it is attached read-only", async () => {
    const folder = temporaryFolder();
    const file = sparseFile(join(folder, "a.img"), 8 * MIB);
    run("mkfs.ext4", "-q", file);
    const device = attachLoop(file);
    const place = join(folder, "mnt");
    mkdirSync(place);
    run("mount", device, place);
    afterThisTest(() => run("umount", place));
    const second = attachLoop(file, "--read-only");
    const found = await users(file);
    expect(found).toContainEqual({
      kind: "loop",
      device,
      readOnly: false,
      uses: [`${device} is mounted on ${place}`],
    });
    expect(found).toContainEqual({
      kind: "loop",
      device: second,
      readOnly: true,
      uses: [],
    });
  });

  test("finds loop devices on its loop device, and on a partition of it", async () => {
    const folder = temporaryFolder();
    const file = sparseFile(join(folder, "a.img"), 8 * MIB);
    const disk = attachLoop(file, "--read-only");
    const second = attachLoop(disk, "--read-only");
    run("addpart", disk, "1", "2048", "4096");
    afterThisTest(() => run("delpart", disk, "1"));
    const third = attachLoop(`${disk}p1`);
    const found = await users(file);
    expect(
      found.map((user) => (user.kind === "loop" ? user.device : user.name)),
    ).toEqual(expect.arrayContaining([disk, second, third]));
    expect(found).toHaveLength(3);
  });

  test("finds a process that has it open for writing, and none that reads", async () => {
    const file = sparseFile(join(temporaryFolder(), "a.img"), MIB);
    const hold = async (mode: string) => {
      const fd = openSync(file, mode);
      const child = spawn("cat", [], { stdio: ["pipe", fd, "ignore"] });
      await once(child, "spawn");
      closeSync(fd);
      return child;
    };
    for (const mode of ["r", "r+"]) {
      const child = await hold(mode);
      const found = await users(file);
      child.stdin?.end();
      await once(child, "exit");
      expect(found).toEqual(
        mode === "r" ? [] : [{ kind: "process", pid: child.pid, name: "cat" }],
      );
    }
    expect(await users(file)).toEqual([]);
  });
});
