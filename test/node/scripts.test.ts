// What can be said of the node's scripts and units without running them: shellcheck, systemd, and that the card has all.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  gatewayProject,
  homeWifi,
  sampleNode,
  storageNode,
} from "../seed/sample-project.ts";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import { withStaticShell } from "../support/static-shells.ts";
import { describeWithTools } from "../support/tools.ts";
import { layNode } from "./fake-node.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const files = join(repository, "cloud-init/files");
const scripts = join(files, "usr/local/lib/pi-image");

const isPython = (file: string): boolean =>
  readFileSync(file, "utf8").startsWith("#!/usr/bin/python3\n");

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe("the card", () => {
  it("has every script and unit, as they are here", async () => {
    // What a node does with a disk it has from its storage, and no node does both.
    const wifi = [homeWifi, { ...homeWifi, ssid: "garden" }];
    const online = gatewayProject();
    const project = {
      ...online,
      cluster: { ...online.cluster, offline: true },
    };
    const roots = await Promise.all(
      [
        ...project.nodes.map((node) => ({
          ...node,
          storage: "sd-to-nvme" as const,
          pcieGen: 3 as const,
          network: { ...node.network, wifi },
        })),
        storageNode,
        { ...sampleNode, base: "archlinuxarm" },
        {
          ...sampleNode,
          host: resolveHost({ packages: ["htop"], logs: "volatile" }, {}),
        },
      ].map((node) => layNode({ project, node, bundle: "0".repeat(64) })),
    );
    const ours = [...filesIn(scripts), ...filesIn(join(files, "etc/systemd"))];
    for (const file of ours) {
      const onNode =
        roots
          .map((root) => join(root, file.slice(files.length)))
          .find((path) => existsSync(path)) ?? file.slice(files.length);
      expect(readFileSync(onNode, "utf8")).toBe(
        withStaticShell(readFileSync(file, "utf8")),
      );
      expect([file, statSync(onNode).mode & 0o111]).toEqual([
        file,
        statSync(file).mode & 0o111,
      ]);
    }
  });
});

describeWithTools(["shellcheck"], "shellcheck", () => {
  const shellcheck = (...args: readonly string[]) =>
    spawnSync("shellcheck", ["--external-sources", ...args], {
      cwd: repository,
      encoding: "utf8",
    });

  it("finds nothing in the node's scripts", () => {
    const { stdout, status } = shellcheck(
      ...filesIn(scripts).filter((file) => !isPython(file)),
      ...filesIn(join(repository, "cloud-init/over-ssh")),
    );
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  });

  it("finds nothing in the fakes", () => {
    const own = [
      "test/node",
      "test/cluster/rotation",
      "test/kubernetes/static-pods",
    ]
      .flatMap((folder) => filesIn(join(repository, folder)))
      .filter((file) => !file.endsWith(".ts"));
    const { stdout, status } = shellcheck("--source-path", repository, ...own);
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  });

  it("would find a mistake", () => {
    const { stdout, status } = spawnSync("shellcheck", ["-"], {
      input: "#!/bin/bash\nrm -rf $1/*\n",
      encoding: "utf8",
    });
    expect(stdout).toContain("SC2086");
    expect(status).toBe(1);
  });
});

describeWithTools(["systemd-analyze"], "systemd", () => {
  let root: string;
  const system = "etc/systemd/system";

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "pi-image-units-"));
    cpSync(files, root, { recursive: true });
    cpSync("/usr/lib/systemd/system", join(root, "usr/lib/systemd/system"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    // The order that cloud-init 23 and later have on Ubuntu: systemd/cloud-final.service, cloud-init.target.
    writeFileSync(
      join(root, system, "cloud-final.service"),
      "[Unit]\nAfter=network-online.target multi-user.target\n[Service]\nType=oneshot\nExecStart=/usr/local/lib/pi-image/node\n",
    );
    writeFileSync(
      join(root, system, "cloud-init.target"),
      "[Unit]\nAfter=multi-user.target\nWants=cloud-final.service\n",
    );
    const wants = join(root, system, "multi-user.target.wants");
    mkdirSync(wants);
    symlinkSync(
      "/etc/systemd/system/pi-image-node.service",
      join(wants, "pi-image-node.service"),
    );
    symlinkSync(
      "/etc/systemd/system/cloud-init.target",
      join(wants, "cloud-init.target"),
    );
    symlinkSync(
      "/usr/lib/systemd/system/multi-user.target",
      join(root, system, "default.target"),
    );
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const verify = (...units: readonly string[]) => {
    const { stdout, stderr, status } = spawnSync(
      "systemd-analyze",
      ["verify", `--root=${root}`, "--man=no", ...units],
      { encoding: "utf8" },
    );
    return { said: stdout + stderr, status };
  };
  const ours = [
    "pi-image-node.service",
    "pi-image-data.service",
    "pi-image-endpoint.timer",
    "pi-image-serving.timer",
  ];

  it("accepts the gateway's unit, with the packet filter's as Debian has it", () => {
    writeFileSync(
      join(root, system, "nftables.service"),
      "[Unit]\nWants=network-pre.target\nBefore=network-pre.target shutdown.target\nConflicts=shutdown.target\nDefaultDependencies=no\n" +
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n[Install]\nWantedBy=sysinit.target\n",
    );
    mkdirSync(join(root, "usr/sbin"), { recursive: true });
    for (const program of ["nft", "sysctl"]) {
      writeFileSync(join(root, "usr/sbin", program), "", { mode: 0o755 });
    }
    expect(
      verify(...ours, "nftables.service", "pi-image-forwarding.service"),
    ).toEqual({ said: "", status: 0 });
  });

  it("accepts the units", () => {
    expect(verify(...ours, "pi-image-endpoint.service")).toEqual({
      said: "",
      status: 0,
    });
  });

  it("finds no ordering cycle with cloud-init, and would find one", () => {
    expect(verify("default.target").said).not.toContain("cycle");
    const unit = join(root, system, "pi-image-node.service");
    const text = readFileSync(unit, "utf8");
    writeFileSync(
      unit,
      text.replace("[Unit]", "$&\nAfter=cloud-final.service"),
    );
    const { said } = verify("default.target");
    writeFileSync(unit, text);
    // With which unit of the cycle systemd begins differs from run to run.
    expect(said).toContain("Found ordering cycle on");
    expect(said).toContain("pi-image-node.service/start");
  });

  it("would find an unknown key", () => {
    const unit = join(root, system, "pi-image-node.service");
    const text = readFileSync(unit, "utf8");
    writeFileSync(unit, text.replace("RestartSec", "RestartSecs"));
    const { said } = verify(...ours);
    writeFileSync(unit, text);
    expect(said).toContain("RestartSecs");
  });
});
