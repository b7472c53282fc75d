import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { renderSeed } from "./render-seed.ts";
import { sampleNode, sampleProject, seedInput } from "./sample-project.ts";

const { seed } = renderSeed(await seedInput(sampleProject, sampleNode));
const { bootcmd, runcmd } = parse(seed?.userData ?? "") as Readonly<
  Record<"bootcmd" | "runcmd", readonly (readonly string[])[]>
>;

const WRITTEN = "/var/lib/pi-image/written";
const NETPLAN = "/etc/netplan/50-cloud-init.yaml";
const SEMAPHORE = "/var/lib/cloud/instance/sem/config_write_files";
const SEED = "/boot/firmware/network-config";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pi-image-node-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

const there = (path: string): boolean => existsSync(join(root, path));

/** Runs a script with its absolute paths below the test's folder; gives the calls of the programs it must not really run. */
const run = (
  command: readonly string[] | undefined,
  failing: readonly string[] = [],
): string[] => {
  const [sh, flag, script = ""] = command ?? [];
  expect([sh, flag]).toEqual(["sh", "-c"]);
  const log = join(root, "log");
  for (const tool of ["netplan", "systemctl", "sync"]) {
    write(
      `bin/${tool}`,
      `#!/bin/sh
echo "${tool}\${1:+ $*}" >>'${log}'
case " ${failing.join(" ")} " in *" \${1:-none} "*) exit 1 ;; esac
`,
    );
    chmodSync(join(root, "bin", tool), 0o755);
  }
  const { stderr } = spawnSync(
    "sh",
    ["-c", script.replaceAll(/ (\/(?:var|etc|boot)\/)/g, ` ${root}$1`)],
    { env: { PATH: `${join(root, "bin")}:/usr/bin:/bin` }, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  return there("log") ? readFileSync(log, "utf8").trim().split("\n") : [];
};

describe("the first entry of bootcmd", () => {
  it("lets cloud-init write everything again until all of it was on the disk", () => {
    write(SEMAPHORE, "");
    write(NETPLAN, "network: {}\n");
    write(SEED, "network: {version: 2}\n");
    expect(run(bootcmd[0])).toEqual(["sync"]);
    expect(there(SEMAPHORE)).toBe(false);
    expect(readFileSync(join(root, NETPLAN), "utf8")).toBe("network: {}\n");
  });

  it("restores a network configuration that a power cut left empty", () => {
    write(NETPLAN, "");
    write(SEED, "network: {version: 2}\n");
    expect(run(bootcmd[0])).toEqual(["netplan apply", "sync"]);
    expect(readFileSync(join(root, NETPLAN), "utf8")).toBe(
      "network: {version: 2}\n",
    );
    expect(statSync(join(root, NETPLAN)).mode & 0o777).toBe(0o600);
  });

  it("does nothing afterwards", () => {
    write(WRITTEN, "");
    write(SEMAPHORE, "");
    write(NETPLAN, "");
    write(SEED, "network: {version: 2}\n");
    expect(run(bootcmd[0])).toEqual([]);
    expect(there(SEMAPHORE)).toBe(true);
  });
});

describe("the node's unit", () => {
  it("does not start before all is written, with scripts that may be empty", () => {
    const { write_files: files } = parse(seed?.userData ?? "") as {
      readonly write_files: readonly Readonly<Record<string, string>>[];
    };
    const unit = files.find(({ path }) =>
      path?.endsWith("/pi-image-node.service"),
    );
    expect(unit?.["content"]).toContain(`\nConditionPathExists=${WRITTEN}\n`);
  });
});

describe("the last entry of runcmd", () => {
  it("says that all is written once the unit is enabled and on the disk, and does not wait for it", () => {
    expect(run(runcmd.at(-1))).toEqual([
      "systemctl daemon-reload",
      "systemctl enable pi-image-node.service",
      "sync",
      "sync",
      "systemctl start --no-block pi-image-node.service",
    ]);
    expect(there(WRITTEN)).toBe(true);
  });

  it("does not say so when the unit cannot be enabled", () => {
    expect(run(runcmd.at(-1), ["enable"])).toEqual([
      "systemctl daemon-reload",
      "systemctl enable pi-image-node.service",
      "systemctl start --no-block pi-image-node.service",
    ]);
    expect(there(WRITTEN)).toBe(false);
  });
});
