import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { knownHosts } from "../../src/kubernetes/known-hosts.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { secretsReport } from "../../src/kubernetes/secrets/secrets-report.ts";
import { sshConfig } from "../../src/kubernetes/ssh-config.ts";
import { gatewayProject } from "../seed/sample-project.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";
import { homelab, making, NOW } from "./project.ts";

let secrets: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
});

describeWithTools(["ssh-keygen", "ssh"], "files for ssh", () => {
  it("know every node by its name, mDNS name and address", async () => {
    const file = join(temporaryFolder(), "known_hosts");
    writeFileSync(file, knownHosts(homelab, secrets));
    for (const [name, host] of [
      ["cplane", "cplane"],
      ["cplane", "192.168.1.50"],
      ["worker1", "worker1.local"],
    ] as const) {
      const found = await runTool("ssh-keygen", ["-F", host, "-f", file]);
      const key = secrets.nodes[name]?.hostKey.publicKey.split(" ")[1];
      expect(found.stdout).toContain(`ssh-ed25519 ${key}`);
    }
    const { status } = await tryTool("ssh-keygen", [
      "-F",
      "192.168.1.51",
      "-f",
      file,
    ]);
    expect(status).toBe(1);
  });

  it("show the fingerprints that the report shows", async () => {
    const file = join(temporaryFolder(), "known_hosts");
    writeFileSync(file, knownHosts(homelab, secrets));
    const { stdout } = await runTool("ssh-keygen", ["-l", "-f", file]);
    const report = secretsReport(secrets, homelab, NOW);
    expect(stdout.split("\n").map((line) => line.split(" ")[1])).toEqual([
      ...report.nodes.map(({ hostKey }) => hostKey),
      undefined,
    ]);
  });

  it("lead through the gateway to the nodes behind it", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "ssh_config");
    writeFileSync(file, sshConfig(gatewayProject(), join(folder, "known")));
    const settings = async (host: string) => {
      const { stdout } = await runTool("ssh", ["-G", "-F", file, host]);
      return stdout.split("\n");
    };
    expect(await settings("worker1")).toEqual(
      expect.arrayContaining(["hostname 10.0.0.3", "proxyjump gate"]),
    );
    expect(await settings("gate")).toContain("hostname gate.local");
    expect((await settings("gate")).join()).not.toContain("proxyjump");
  });

  it("lead `ssh NODE` to the node, and to its host key alone", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "ssh_config");
    const known = join(folder, "my out", "known_hosts 100%");
    writeFileSync(file, sshConfig(homelab, known));
    const settings = async (host: string) => {
      const { stdout } = await runTool("ssh", ["-G", "-F", file, host]);
      return stdout.split("\n");
    };
    expect(await settings("worker1")).toEqual(
      expect.arrayContaining([
        "hostname worker1.local",
        "user ana",
        "hostkeyalias worker1",
        "stricthostkeychecking true",
        `userknownhostsfile ${known}`,
      ]),
    );
    expect(await settings("cplane")).toContain("hostname 192.168.1.50");
    expect(await settings("elsewhere")).toContain("hostname elsewhere");
  });
});
