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

  it("gives no program of a run a way back to root", async ({ skip }) => {
    if (!canReadSources()) {
      skip("the user who would run it cannot read this folder");
    }
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const project = join(folder, "project");
    const seen = join(folder, "seen");
    const bin = join(folder, "bin");
    for (const each of [project, seen, bin]) {
      mkdirSync(each);
      chownSync(each, UID, UID);
    }
    // Whatever is started by its name says which rights it and those above it have. The caller may write into this PATH,
    // so nothing of it may ever run as root.
    const record = `#!/bin/sh
name=\${0##*/}
own=$$
{
  pid=$own
  while [ "$pid" -gt 1 ] && [ "$pid" != ${process.pid} ]; do
    echo "program $name $pid $(tr '\\0' ' ' </proc/$pid/cmdline | cut -c1-200)"
    grep -E '^(Uid|Gid|Groups|NoNewPrivs):' /proc/$pid/status
    pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)
  done
} >${seen}/$name.$own
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec "$name" "$@"
`;
    const TOOLS = "xz flock lsblk losetup blockdev wipefs udevadm eject sfdisk";
    for (const tool of TOOLS.split(" ")) {
      writeFileSync(join(bin, tool), record, { mode: 0o755 });
    }
    const pi = (...args: readonly string[]) =>
      runCli(args, {
        cwd: project,
        env: {
          SUDO_UID: String(UID),
          SUDO_GID: String(UID),
          XDG_CACHE_HOME: join(project, "cache"),
          PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        },
      });
    const host = ["--host", "worker2"];
    const packed = ["--base", "sample", "--format", "img.xz"];
    const built = await pi("build", ...host, ...packed);
    expect(built.status, built.stderr).toBe(0);
    const device = attachLoop(sparseFile(join(folder, "card"), 140 * MIB));
    const image = "out/worker2.img.xz";
    const flashed = await pi("flash", device, image, "--yes", "--eject");
    expect(flashed.status, flashed.stderr).toBe(0);

    const programs = readdirSync(seen).map((file) => ({
      tool: file.split(".")[0] ?? "",
      above: readFileSync(join(seen, file), "utf8")
        .split(/^program /m)
        .slice(1),
    }));
    const tools = new Set(programs.map(({ tool }) => tool));
    // Compressing, decoding, the lock of the device; and none of those that touch the device.
    expect([...tools].toSorted()).toEqual(["flock", "xz"]);
    const four = (id: number) => Array.from({ length: 4 }, () => id).join("\t");
    const asCaller = [
      `Uid:\t${four(UID)}`,
      `Gid:\t${four(UID)}`,
      "NoNewPrivs:\t1",
    ];
    for (const { above } of programs) {
      const nodes = above.filter((each) => /^\S+ \d+ \S*node /.test(each));
      const others = above.filter((each) => !nodes.includes(each));
      expect(others.length).toBeGreaterThan(0);
      for (const each of others) {
        expect(each.split("\n")).toEqual(expect.arrayContaining(asCaller));
      }
      for (const each of above) {
        expect(each).not.toMatch(/^Groups:.*\b0\b/m);
      }
      // Only the process that works on the device can act as root; the one that was called and builds cannot.
      const root = nodes.filter((each) => /^Uid:\t0\t/m.test(each));
      expect(root.every((each) => each.includes(" flash "))).toBe(true);
      expect(root.length).toBeLessThanOrEqual(1);
      expect(nodes.at(-1)).toContain(`Uid:\t${four(UID)}`);
    }
  });

  const callersRights = (env: Readonly<Record<string, string>>) =>
    spawnSync(
      process.execPath,
      [join(inject("programs"), "callers-rights-program.js")],
      { encoding: "utf8", env: { PATH: process.env["PATH"], ...env } },
    );

  it.each([
    ["sudo", { SUDO_UID: String(UID), SUDO_GID: String(UID) }],
    ["sudo by somebody in root's group", { SUDO_UID: "65534", SUDO_GID: "0" }],
    ["sudo by somebody without a name", { SUDO_UID: "54321", SUDO_GID: "9" }],
    ["doas", { DOAS_USER: "nobody" }],
    ["pkexec", { PKEXEC_UID: "65534" }],
    ["doas inside of root's own sudo", { SUDO_UID: "0", DOAS_USER: "nobody" }],
  ])("runs programs as the caller, with no way back: %s", (_, env) => {
    const { stdout, stderr } = callersRights(env);
    expect(stderr).toBe("");
    const uid =
      "SUDO_UID" in env && env.SUDO_UID !== "0" ? env.SUDO_UID : "65534";
    const rights = `${uid}\n${uid}\nNoNewPrivs:\t1\n`;
    expect(JSON.parse(stdout)).toEqual([
      rights,
      rights,
      "0\n",
      Number(uid),
      "TOOL_MISSING",
    ]);
  });

  it.each([
    ["SUDO_UID", "-1"],
    ["SUDO_UID", "1e3"],
    ["SUDO_UID", "4294967295"],
    ["SUDO_GID", "staff"],
    ["DOAS_USER", "no-such-user"],
    ["PKEXEC_UID", "nobody"],
  ])("does nothing when %s is %s, which names nobody", async (name, value) => {
    const folder = temporaryFolder();
    const { status, stderr } = await runCli(["init", "--yes"], {
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
});
