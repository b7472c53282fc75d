// Folders that cannot be written and full disks: an error of the user's machine, never "a bug in pi-image".
import { readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run, temporaryFolder } from "../device/loop.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

describeAsRoot(["mount"], "a folder that cannot be written", () => {
  it("is told by init", async () => {
    const cwd = memoryDisk("ro");
    const { status, stderr } = await runCli(["init", "--yes"], { cwd });
    expect(stderr).toContain("error[FILE_UNUSABLE]: cluster.yaml cannot be");
    expect(stderr).toContain("the file system is read-only");
    expect(stderr).not.toContain("bug");
    expect(status).toBe(1);
  });

  it("is refused by build before anything is made", async () => {
    const cwd = temporaryFolder();
    const out = memoryDisk("ro");
    const { status, stderr } = await runCli(
      ["build", "--host", "worker2", "--base", "sample", "--out", out],
      { cwd },
    );
    expect(stderr).toContain(
      `error[OUT_FOLDER_UNUSABLE]: the folder ${out} cannot be written`,
    );
    expect(status).toBe(1);
    expect(readdirSync(cwd)).not.toContain("homelab.secrets.yaml");
  });

  it.each(["img", "img.xz", "img.zst"])(
    "is refused by build when it has no room for %s, and no image is left",
    async (format) => {
      const cwd = temporaryFolder();
      const out = memoryDisk("size=64k");
      const { status, stderr } = await runCli(
        [
          "build",
          "--host",
          "worker2",
          "--base",
          "sample",
          "--out",
          out,
          "--format",
          format,
        ],
        { cwd },
      );
      expect(stderr).toContain(`error[DISK_FULL]: the disk of ${out} is full`);
      expect(status).toBe(1);
      // The plain seed may stand there already; nothing that looks like an image does.
      const files = readdirSync(out).filter(
        (name) => name !== "worker2" && name !== ".gitignore",
      );
      expect(files).toEqual([]);
    },
  );

  it("is enough for a rebuild when it has room for one node's image more", async () => {
    const cwd = temporaryFolder();
    const out = memoryDisk("size=512m");
    const build = () => {
      const nodes = ["--host", "worker1", "--host", "worker2"];
      return runCli(
        ["build", ...nodes, "--base", "sample", "--out", out, "--json"],
        { cwd },
      );
    };
    expect((await build()).status).toBe(0);
    const each = statSync(join(out, "worker1.img")).blocks * 512;
    const { blocks, bavail, bsize } = statfsSync(out);
    const limit = (room: number): void => {
      const size = (blocks - bavail) * bsize + Math.floor(room);
      run("mount", "-o", `remount,size=${size}`, out);
    };
    limit(each * 1.5);
    const again = await build();
    expect(again.status, again.stderr).toBe(0);
    limit(each / 2);
    const refused = await build();
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("error[DISK_FULL]");
  });
});
