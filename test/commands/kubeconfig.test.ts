// `pi-image kubeconfig` as a process.
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";

describe("kubeconfig", () => {
  it("writes a private file into the out folder", async () => {
    const { folder } = await clusterFolder();
    const { status, stdout } = await runCli(["kubeconfig"], { cwd: folder });
    expect(status).toBe(0);
    expect(stdout).toBe(
      "Wrote out/kubeconfig. To use it: kubectl --kubeconfig out/kubeconfig get nodes\n",
    );
    const file = join(folder, "out/kubeconfig");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const printed = await runCli(["kubeconfig", "--print"], { cwd: folder });
    expect(printed.stdout).toBe(readFileSync(file, "utf8"));
  });

  it("merges into the first file of KUBECONFIG and says what it did", async () => {
    const { folder, secrets } = await clusterFolder();
    const env = { KUBECONFIG: "mine:other" };
    writeFileSync(join(folder, "mine"), "current-context: work\n");
    chmodSync(join(folder, "mine"), 0o644);
    const first = await runCli(["kubeconfig", "--merge"], { cwd: folder, env });
    expect(first.status).toBe(0);
    expect(first.stdout.replace(/\d{8}T\d{6}Z/, "TIME")).toBe(
      [
        "Put the cluster, the user and the context pi-image-homelab into mine; everything else in it is unchanged.",
        "The previous version of the file: mine.TIME.bak",
        "To use it: kubectl --context pi-image-homelab get nodes",
        "",
      ].join("\n"),
    );
    expect(statSync(join(folder, "mine")).mode & 0o777).toBe(0o600);
    expect(first.stderr).toContain(
      "warning: other users of this computer could read mine",
    );
    const second = await runCli(["kubeconfig", "--merge", "--json"], {
      cwd: folder,
      env,
    });
    expect(JSON.parse(second.stdout.split("\n")[0] ?? "")).toMatchObject({
      type: "result",
      changed: false,
    });
    const key = Buffer.from(secrets.admin.key.reveal()).toString("base64");
    expect(readFileSync(join(folder, "mine"), "utf8")).toContain(key);
    for (const { stdout, stderr } of [first, second]) {
      expect(stdout + stderr).not.toContain(key);
    }
  });

  it("says so when the file cannot be written", async () => {
    const { folder } = await clusterFolder();
    mkdirSync(join(folder, "mine"));
    const { status, stderr } = await runCli(["kubeconfig", "--merge", "mine"], {
      cwd: folder,
    });
    expect(status).toBe(1);
    expect(stderr).toContain("error[KUBECONFIG_NOT_WRITTEN]");
  });

  it("does not mix what it prints", async () => {
    const { folder } = await clusterFolder();
    const { status, stdout } = await runCli(
      ["kubeconfig", "--print", "--merge", "mine"],
      { cwd: folder },
    );
    expect(status).toBe(2);
    expect(stdout).toBe("");
  });
});
