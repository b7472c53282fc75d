// What was given to pi-image in confidence reaches no program that it starts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { childEnvironment } from "../../src/system/run/child-environment.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "../device/loop.ts";

/** Which variables of ours the sources name, but for those of the nodes. */
const ownVariables = (): readonly string[] => {
  const folder = packageFile("src");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("seed"))
    .flatMap((path) =>
      [
        ...readFileSync(join(folder, path), "utf8").matchAll(
          /\bPI_IMAGE_[A-Z_]+[A-Z]\b/g,
        ),
      ].map(([name]) => name),
    );
  return [...new Set(names)].toSorted();
};

describe("the environment of a program", () => {
  beforeAll(() => {
    for (const name of [...ownVariables(), "WIFI_OF_THIS_TEST"]) {
      process.env[name] ??= "hunter2";
    }
  });

  it("has none of our variables; each new one has to be looked at here", async () => {
    expect(ownVariables()).toEqual([
      // Where the key is that opens the secrets file.
      "PI_IMAGE_AGE_IDENTITY",
      // Says to our own second process what it is; no other needs it.
      "PI_IMAGE_APART",
      "PI_IMAGE_CACHE_HOME",
      "PI_IMAGE_CACHE_LIMIT",
      "PI_IMAGE_CONFIG_HOME",
      // Say under sudo which process helps with devices, and to whom.
      "PI_IMAGE_HELPED_BY",
      "PI_IMAGE_HELPER_OF",
      // A word of the nodes' own scripts.
      "PI_IMAGE_NODE_ADDRESS",
      // The key itself and its passphrase.
      "PI_IMAGE_SIGNING_KEY",
      "PI_IMAGE_SIGNING_PASSPHRASE",
      "PI_IMAGE_STATE_HOME",
    ]);
    const { stdout } = await tryTool("env", []);
    expect(stdout).toContain("PATH=");
    expect(stdout).not.toContain("PI_IMAGE_");
    const given = await tryTool("env", [], { env: { PI_IMAGE_NEW: "x" } });
    expect(given.stdout).not.toContain("PI_IMAGE_");
  });

  it.each([
    ["as it is used", "env:WIFI_OF_THIS_TEST", "unneeded"],
    ["in an escape", String.raw`\x65nv:WIFI_OF_THIS_TEST`, "at hand"],
  ] as const)(
    "has no password that an inventory takes from there, %s",
    async (_, reference, secrets) => {
      const { writeFileSync } = await import("node:fs");
      const path = join(temporaryFolder(), "cluster.yaml");
      writeFileSync(
        path,
        `cluster: {name: homelab}
defaults: {wifi: {ssid: home, country: ES, password: "${reference}"}}
nodes: [{name: cplane, role: control-plane}]
`,
      );
      await loadInventory({ path, env: process.env, secrets });
      const { stdout } = await tryTool("env", []);
      expect(stdout).not.toContain("hunter2");
    },
  );

  it.each([
    ["XZ_OPT", "--memlimit=1"],
    ["XZ_DEFAULTS", "--memlimit=1"],
    ["ZSTD_CLEVEL", "1"],
    ["GZIP", "--fast"],
    ["BZIP2", "--fast"],
    ["TAR_OPTIONS", "--to-command=id"],
    ["MKE2FS_CONFIG", "/tmp/mke2fs.conf"],
    ["E2FSPROGS_UNDO_DIR", "/tmp"],
    ["GIT_DIR", "/tmp/other"],
    ["GIT_CONFIG_COUNT", "1"],
    ["GIT_TRACE", "/tmp/trace"],
    ["BASH_ENV", "/tmp/start"],
    ["ENV", "/tmp/start"],
    ["BASH_FUNC_ulimit%%", "() { :; }"],
  ])(
    "has no options of its own by %s, but a command of the user's has",
    async (name, value) => {
      const env = { [name]: value };
      const ours = await tryTool("env", [], { env });
      expect(`\n${ours.stdout}`).not.toContain(`\n${name}=`);
      const theirs = await tryTool("env", [], { env, usersOwn: true });
      expect(theirs.stdout).toContain(`${name}=${value}`);
    },
  );

  it("keeps what every program needs, whatever an inventory says", async () => {
    const path = join(temporaryFolder(), "cluster.yaml");
    await loadInventory({ path, env: {} });
    const env = {
      PATH: "/bin",
      HOME: "/home/ana",
      PI_IMAGE_X: "1",
      NAMED_BY_NO_TEST: "2",
    };
    expect(childEnvironment(env)).toEqual({
      PATH: "/bin",
      HOME: "/home/ana",
      NAMED_BY_NO_TEST: "2",
    });
  });
});
