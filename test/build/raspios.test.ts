// A build from Raspberry Pi OS, as its image's name tells: another system, another seed, and a disk id that stays.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";

const SAMPLE = packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz");
const RASPIOS = "2025-12-04-raspios-trixie-arm64-lite.img.xz";

it("a node of Raspberry Pi OS gets an SSH server, no question and no swap, and keeps the disk id", async () => {
  const cwd = await temporaryFolder();
  await copyFile(SAMPLE, join(cwd, RASPIOS));
  await copyFile(SAMPLE, join(cwd, "own.img.xz"));
  await writeFile(
    join(cwd, "cluster.yaml"),
    `cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker1, role: worker}
`,
  );
  const build = async (base: string) => {
    const { status, stderr } = await runCli(
      [
        "build",
        "--host=worker1",
        "--format=seed",
        `--base=${base}`,
        "--insecure",
      ],
      { cwd, env: { SOURCE_DATE_EPOCH: "1790000000" } },
    );
    expect(status, stderr).toBe(0);
    const text = await readFile(join(cwd, "out/worker1/user-data"), "utf8");
    const manifest = JSON.parse(
      await readFile(join(cwd, "out/worker1.manifest.json"), "utf8"),
    ) as { diskId: string };
    return {
      seed: parse(text) as { runcmd: unknown[]; bootcmd: unknown[] },
      text,
      diskId: manifest.diskId,
      config: await readFile(join(cwd, "out/worker1/config.txt"), "utf8"),
    };
  };
  const raspios = await build(RASPIOS);
  expect(raspios.seed.runcmd).toContainEqual([
    "systemctl",
    "enable",
    "--now",
    "ssh.service",
  ]);
  expect(JSON.stringify(raspios.seed.bootcmd)).toContain("userconfig.service");
  expect(raspios.text).toContain("/etc/rpi/swap.conf.d/pi-image.conf");
  expect(raspios.diskId).toBe("0x24042404");
  // Neither the inventory nor its defaults name this base.
  expect(raspios.config).toContain("[pi5]\nkernel=kernel8.img\n");

  const ubuntu = await build("own.img.xz");
  expect(ubuntu.text).not.toMatch(/userconfig|rpi\/swap/);
  expect(ubuntu.diskId).not.toBe("0x24042404");
  expect(ubuntu.config).not.toContain("kernel8.img");
});
