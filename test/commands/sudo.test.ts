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
import { expect, inject, it } from "vitest";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { runProcess } from "../support/run-cli.ts";
import { CALLER, skipIfUnreadable } from "./sudo-caller.ts";
import { describeAsRoot } from "../support/tools.ts";

const MIB = 1024 ** 2;
describeAsRoot(["losetup", "lsblk", "setpriv"], "under sudo", () => {
  it("makes files that belong to the caller, and opens the device as root", async ({
    skip,
  }) => {
    skipIfUnreadable(skip);
    const folder = temporaryFolder();
    const project = join(folder, "project");
    mkdirSync(project);
    chmodSync(folder, 0o755);
    chownSync(project, CALLER, CALLER);
    const env = { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER) };
    const pi = (...args: readonly string[]) =>
      runProcess(args, {
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
      expect([name, statSync(join(project, name)).uid]).toEqual([name, CALLER]);
    }
    expect((await pi("verify", device)).status).toBe(0);
  });

  it("does not read or write with root's rights", async ({ skip }) => {
    skipIfUnreadable(skip);
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, "secret.img"), Buffer.alloc(MIB, 7), {
      mode: 0o600,
    });
    const device = attachLoop(sparseFile(join(folder, "card"), 4 * MIB));
    const refused = await runProcess(["flash", device, "secret.img", "--yes"], {
      cwd: folder,
      env: { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER) },
    });
    expect(refused.stderr).toContain("secret.img may not be read by this user");
    expect(refused.status).toBe(2);
    // An inventory that somebody else wrote asks for files that only root can read.
    writeFileSync(join(folder, "password"), "hunter2 hunter2", { mode: 0o600 });
    writeFileSync(
      join(folder, "cluster.yaml"),
      `cluster: {name: homelab}
defaults:
  wifi: {ssid: home, country: ES, password: "file:${folder}/password"}
  users: [{name: ana, sshKeys: ["file:${folder}/password"]}]
nodes: [{name: cplane, role: control-plane}]
`,
    );
    const checked = await runProcess(["check"], {
      cwd: folder,
      env: { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER) },
    });
    expect(checked.stderr.match(/your user lacks permission/g)).toHaveLength(2);
    expect(checked.stderr).not.toContain("hunter2");
    expect(checked.status).toBe(2);
  });

  const callersRights = (env: Readonly<Record<string, string>>) =>
    spawnSync(
      process.execPath,
      [join(inject("programs"), "callers-rights-program.js")],
      { encoding: "utf8", env: { PATH: process.env["PATH"], ...env } },
    );

  const [ANYBODY] = spawnSync("id", ["-un", "65534"], { encoding: "utf8" })
    .stdout.trim()
    .split("\n");

  it.each([
    ["sudo", { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER) }],
    ["sudo by somebody without a name", { SUDO_UID: "54321", SUDO_GID: "9" }],
    ["sudo with a name", { SUDO_UID: "65534", SUDO_USER: ANYBODY ?? "" }],
    ["sudo by a name that is gone", { SUDO_UID: "65534", SUDO_USER: "gone" }],
    ["doas", { DOAS_USER: "nobody" }],
    ["pkexec", { PKEXEC_UID: "65534" }],
    ["doas inside of root's own sudo", { SUDO_UID: "0", DOAS_USER: "nobody" }],
  ])("is the caller, with no way back: %s", (_, env) => {
    const { stdout, stderr } = callersRights({ ...env, BASH_ENV: "/x" });
    expect(stderr).toBe("");
    const said = "SUDO_UID" in env ? env.SUDO_UID : "0";
    const uid = said === "0" ? "65534" : said;
    const gid = spawnSync("id", ["-g", uid], { encoding: "utf8" }).stdout;
    const group = "SUDO_GID" in env ? `${env.SUDO_GID}\n` : gid;
    expect(JSON.parse(stdout)).toEqual({
      caller: `${uid}\n${uid}\n${group}NoNewPrivs:\t1\n`,
      root: "0\n",
      // None of the caller's: no options, no programs, no libraries to load first.
      environment: ["LC_ALL", "PATH"],
      missing: "TOOL_MISSING",
      back: ["EPERM", "EPERM", "EPERM", "EPERM"],
      later: `${uid}\n`,
    });
  });

  it.each([
    ["SUDO_UID", "-1"],
    ["SUDO_UID", "1e3"],
    ["SUDO_UID", "4294967295"],
    ["SUDO_UID", "54321"],
    ["SUDO_GID", "staff"],
    ["DOAS_USER", "no-such-user"],
    ["PKEXEC_UID", "nobody"],
    ["PKEXEC_UID", "54321"],
  ])("does nothing when %s is %s, which names nobody", async (name, value) => {
    const folder = temporaryFolder();
    const { status, stderr } = await runProcess(["init", "--yes"], {
      cwd: folder,
      env: {
        ...(name === "SUDO_GID" ? { SUDO_UID: "65534" } : {}),
        [name]: value,
      },
    });
    expect(stderr).toContain(`error[CALLER_UNKNOWN]: ${name} is "${value}"`);
    expect(status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    { SUDO_USER: "root", SUDO_UID: "65534" },
    { SUDO_USER: "nobody", SUDO_UID: "0" },
  ])("does nothing when sudo names two users: %o", async (env) => {
    const folder = temporaryFolder();
    const { status, stderr } = await runProcess(["init", "--yes"], {
      cwd: folder,
      env: { ...env, SUDO_GID: "0" },
    });
    expect(stderr).toContain(
      `error[CALLER_UNKNOWN]: SUDO_USER is "${env.SUDO_USER}" and SUDO_UID is "${env.SUDO_UID}", which are two users`,
    );
    expect(status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("believes no such variable of somebody who is not root", ({ skip }) => {
    skipIfUnreadable(skip);
    const folder = temporaryFolder();
    chownSync(folder, CALLER, CALLER);
    for (const env of [
      { SUDO_UID: "0", SUDO_GID: "0" },
      { SUDO_UID: "54321", SUDO_GID: "0" },
      { DOAS_USER: "root" },
      { PKEXEC_UID: "no number" },
    ]) {
      const words = ["init", "--yes", "--force", "--inventory", "made.yaml"];
      const { status, stderr } = spawnSync(
        "setpriv",
        [
          `--reuid=${CALLER}`,
          `--regid=${CALLER}`,
          "--clear-groups",
          process.execPath,
          inject("cli"),
          ...words,
        ],
        {
          cwd: folder,
          encoding: "utf8",
          env: { PATH: process.env["PATH"], HOME: folder, ...env },
        },
      );
      expect(status, stderr).toBe(0);
      expect(statSync(join(folder, "made.yaml")).uid).toBe(CALLER);
    }
  });
});
