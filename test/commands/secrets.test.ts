// `pi-image secrets` as a process: nothing secret is shown, and rotating changes just the join credentials.
import {
  appendFileSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const DAY = 24 * 60 * 60 * 1000;

const plain = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\d/g, "YYYY-MM-DD")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:HASH")
    .replaceAll(/SHA256:\S{43}/g, "SHA256:HASH")
    .replaceAll(/ {2,}/g, "  ");

const rowsOf = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("secrets show", () => {
  it("shows public parts only", async () => {
    const { folder, secretsFile } = await clusterFolder();
    const all = await Promise.all(
      [[], ["--json"]].map((more) =>
        runCli(["secrets", "show", ...more], { cwd: folder }),
      ),
    );
    const file = readFileSync(secretsFile, "utf8");
    const secretLines = file
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
    expect(secretLines.length).toBeGreaterThan(50);
    const token = /bootstrapToken: (\S+)/.exec(file)?.[1] ?? "none";
    for (const { status, stdout, stderr } of all) {
      expect(status, stderr).toBe(0);
      expect(stdout).not.toContain(token);
      expect(secretLines.filter((line) => stdout.includes(line))).toEqual([]);
    }
    expect(plain(all[0]?.stdout ?? "").replace(secretsFile, "FILE"))
      .toMatchInlineSnapshot(`
      "FILE (not encrypted, readable only by you)
      cluster homelab

      WHAT  PUBLIC PART  UNTIL  SECRET PART
      cluster CA  sha256:HASH  YYYY-MM-DD  ***
      front-proxy CA  sha256:HASH  YYYY-MM-DD  ***
      etcd CA  sha256:HASH  YYYY-MM-DD  ***
      admin certificate  sha256:HASH  YYYY-MM-DD  ***
      service account key  sha256:HASH  -  ***
      bootstrap token  -  -  ***
      host key of cplane  SHA256:HASH  -  ***
      join identity of cplane  sha256:HASH  YYYY-MM-DD  ***
      host key of worker1  SHA256:HASH  -  ***
      join identity of worker1  sha256:HASH  YYYY-MM-DD  ***
      host key of worker2  SHA256:HASH  -  ***
      join identity of worker2  sha256:HASH  YYYY-MM-DD  ***
      "
    `);
  });
});

describe("secrets status", () => {
  it("tells what lives where and until when, and warns of what has ended", async () => {
    const { folder, secretsFile } = await clusterFolder(
      new Date(Date.now() - 40 * DAY),
    );
    const { status, stdout, stderr } = await runCli(["secrets", "status"], {
      cwd: folder,
    });
    expect(status).toBe(0);
    expect(plain(stdout).replace(secretsFile, "FILE")).toMatchInlineSnapshot(`
      "All of these are in FILE; some are also elsewhere:

      WHAT  UNTIL  STATE  WHERE ELSE
      cluster CA  YYYY-MM-DD  serves  cplane
      front-proxy CA  YYYY-MM-DD  serves  cplane
      etcd CA  YYYY-MM-DD  serves  cplane
      service account key  no end  serves  cplane
      admin certificate  YYYY-MM-DD  serves  kubeconfig files on your computers
      bootstrap token  no end  unused  nowhere: cards join with their own identity
      host key of cplane  no end  serves  cplane
      join identity of cplane  YYYY-MM-DD  unused  nowhere: this node joins without it
      host key of worker1  no end  serves  worker1
      join identity of worker1  YYYY-MM-DD  ended  its card until it has joined
      host key of worker2  no end  serves  worker2
      join identity of worker2  YYYY-MM-DD  ended  its card until it has joined

      In plain on this computer:

      FILE  HOLDS
      homelab.secrets.yaml  every secret of the cluster
      "
    `);
    expect(stderr).not.toContain("cplane");
    expect(plain(stderr)).toContain(
      [
        "warning: the join identity of worker1 ended on YYYY-MM-DD",
        "hint: matters only if worker1 has not joined yet: pi-image build --host worker1, then flash its card again",
      ].join("\n"),
    );
  });

  it("knows the token of a cluster that joins by it, and nodes that are gone or were revoked", async () => {
    const { folder, secretsFile } = await clusterFolder();
    appendFileSync(secretsFile, "revoked: [worker3]\n");
    const path = join(folder, "cluster.yaml");
    writeFileSync(
      path,
      readFileSync(path, "utf8")
        .replace("name: homelab", "name: homelab\n  join: token")
        .replace(/.*worker2.*\n/, ""),
    );
    const { stdout, stderr } = await runCli(["secrets", "status", "--json"], {
      cwd: folder,
    });
    const rows = rowsOf(stdout);
    expect(
      rows.find(({ what }) => what === "bootstrap token"),
      stderr,
    ).toMatchObject({
      where: "cplane; each card until it has joined",
      ends: expect.stringMatching(/^\d+ hours after kubeadm init$/),
      state: "serves",
    });
    expect(
      rows.find(({ what }) => what === "join identity of worker2"),
    ).toMatchObject({
      where: "an old card, perhaps: the inventory has no such node",
    });
    expect(rows.find(({ state }) => state === "revoked")).toMatchObject({
      what: "name of worker3",
      where: "cplane, which refuses every certificate for it",
      ends: "no end",
    });
  });

  it("goes without --host", async () => {
    const { folder } = await clusterFolder();
    const { status, stderr } = await runCli(
      ["secrets", "status", "--host", "worker1"],
      { cwd: folder },
    );
    expect(status).toBe(2);
    expect(stderr).toContain("error[WRONG_ARGUMENTS]");
  });
});

describe("secrets rotate", () => {
  it("renews one node's join identity and says what to do with its card", async () => {
    const { folder, secretsFile, secrets } = await clusterFolder();
    const { status, stdout } = await runCli(
      ["secrets", "rotate", "--host", "worker1"],
      { cwd: folder },
    );
    expect(status).toBe(0);
    expect(stdout).toContain("Renewed the join identity of worker1.");
    expect(stdout).toContain("must be flashed again: worker1.\n");
    expect(stdout).toContain("pi-image build --host worker1");
    const after = (await loadClusterSecrets(secretsFile))?.secrets;
    expect(after?.nodes["worker1"]?.joinIdentity.certificate).not.toBe(
      secrets.nodes["worker1"]?.joinIdentity.certificate,
    );
    expect(after?.nodes["worker2"]?.joinIdentity.certificate).toBe(
      secrets.nodes["worker2"]?.joinIdentity.certificate,
    );
    expect(after?.ca.certificate).toBe(secrets.ca.certificate);
    expect(statSync(secretsFile).mode & 0o777).toBe(0o600);
  });

  it("knows which node was meant, and changes nothing", async () => {
    const { folder, secretsFile } = await clusterFolder();
    const before = readFileSync(secretsFile, "utf8");
    const { status, stderr } = await runCli(
      ["secrets", "rotate", "--host", "wroker1"],
      { cwd: folder },
    );
    expect(status).toBe(2);
    expect(stderr).toContain("did you mean worker1?");
    expect(readFileSync(secretsFile, "utf8")).toBe(before);
  });

  it("makes no secrets where there are none", async () => {
    const { folder, secretsFile } = await clusterFolder();
    rmSync(secretsFile);
    const { status, stderr } = await runCli(["secrets", "rotate"], {
      cwd: folder,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("error[SECRETS_UNREADABLE]");
  });
});

describeWithTools(["age", "age-keygen"], "secrets rotate --encrypt-to", () => {
  it("encrypts the file from now on, and age opens it", async () => {
    const { folder, secretsFile } = await clusterFolder();
    const identity = join(folder, "age.txt");
    await runTool("age-keygen", ["-o", identity]);
    const recipient = (
      await runTool("age-keygen", ["-y", identity])
    ).stdout.trim();
    const { status, stdout } = await runCli(
      ["secrets", "rotate", "--encrypt-to", recipient],
      { cwd: folder },
    );
    expect(status).toBe(0);
    expect(stdout).toContain(`Encrypted the file to ${recipient}.`);
    expect(stdout).toContain("take the new kubeconfig");
    expect(stdout).toContain("must be flashed again: worker1, worker2.\n");
    const opened = await runTool("age", ["-d", "-i", identity, secretsFile]);
    expect(opened.stdout).toContain("cluster: homelab");

    const closed = await runCli(["secrets", "show"], { cwd: folder });
    expect(closed.status).toBe(2);
    expect(closed.stderr).toContain("error[AGE_IDENTITY_UNUSABLE]");
    const shown = await runCli(["secrets", "show", "--identity", identity], {
      cwd: folder,
    });
    expect(shown.stdout).toContain(`encrypted with age to ${recipient}`);
  });
});
