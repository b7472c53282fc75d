// pi-image under sudo: the device is root's, everything else is done as the person behind sudo.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const MIB = 1024 ** 2;
/** On a build machine the person behind its sudo, elsewhere nobody. */
const UID = Number(process.env["SUDO_UID"] ?? 65_534);

const canReadSources = (): boolean =>
  spawnSync("setpriv", [
    `--reuid=${UID}`,
    `--regid=${UID}`,
    "--clear-groups",
    process.execPath,
    "--version",
  ]).status === 0 &&
  spawnSync("setpriv", [
    `--reuid=${UID}`,
    `--regid=${UID}`,
    "--clear-groups",
    "cat",
    packageFile("src/cli.ts"),
  ]).status === 0;

describeAsRoot(["losetup", "lsblk", "setpriv"], "under sudo", () => {
  it("makes files that belong to the caller, and opens the device as root", async ({
    skip,
  }) => {
    if (!canReadSources()) {
      skip("the user who would run it cannot read this folder");
    }
    const folder = temporaryFolder();
    const project = join(folder, "project");
    mkdirSync(project);
    chmodSync(folder, 0o755);
    chownSync(project, UID, UID);
    const env = { SUDO_UID: String(UID), SUDO_GID: String(UID) };
    const pi = (...args: readonly string[]) =>
      runCli(args, {
        cwd: project,
        env: { ...env, XDG_CACHE_HOME: join(project, "cache") },
      });
    const built = await pi("build", "--host", "worker2", "--base", "sample");
    expect(built.status, built.stderr).toBe(0);
    const device = attachLoop(sparseFile(join(folder, "card"), 140 * MIB));
    chmodSync(join(folder, "card"), 0o600);
    const flashed = await pi("flash", device, "--host", "worker2", "--yes");
    expect(flashed.status, flashed.stderr).toBe(0);
    const image = readFileSync(join(project, "out", "worker2.img"));
    expect(
      readFileSync(join(folder, "card"))
        .subarray(0, MIB)
        .equals(image.subarray(0, MIB)),
    ).toBe(true);
    const made = readdirSync(project, { recursive: true, encoding: "utf8" });
    expect(made).toContain("out/receipts");
    for (const name of made) {
      expect([name, statSync(join(project, name)).uid]).toEqual([name, UID]);
    }
    expect((await pi("verify", device)).status).toBe(0);
  });

  it("does not read or write with root's rights", async ({ skip }) => {
    if (!canReadSources()) {
      skip("the user who would run it cannot read this folder");
    }
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, "secret.img"), Buffer.alloc(MIB, 7), {
      mode: 0o600,
    });
    const device = attachLoop(sparseFile(join(folder, "card"), 4 * MIB));
    const refused = await runCli(["flash", device, "secret.img", "--yes"], {
      cwd: folder,
      env: { SUDO_UID: String(UID), SUDO_GID: String(UID) },
    });
    expect(refused.stderr).toContain("secret.img may not be read by this user");
    expect(refused.status).toBe(2);
  });

  it("runs the commands that give secrets as the caller, with no way back", () => {
    const script = [
      `import { asCaller, asRoot, dropToCaller } from ${JSON.stringify(packageFile("src/system/privileges.ts"))};`,
      `import { tryTool } from ${JSON.stringify(packageFile("src/system/run-tool.ts"))};`,
      "dropToCaller(process.env);",
      'const ids = ["-c", "id -u; id -ru"];',
      'const caller = await tryTool(...asCaller("sh", ids));',
      'const root = await asRoot(() => tryTool("id", ["-u"]));',
      "console.log(JSON.stringify([caller.stdout, root.stdout, process.geteuid()]));",
    ].join("\n");
    const folder = temporaryFolder();
    const file = join(folder, "ids.mts");
    writeFileSync(file, script);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), file],
      {
        encoding: "utf8",
        env: {
          PATH: process.env["PATH"],
          SUDO_UID: String(UID),
          SUDO_GID: String(UID),
        },
      },
    );
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([`${UID}\n${UID}\n`, "0\n", UID]);
  });
});
