// What `secrets rotate --authority` says and asks before it touches a node, and what the others say meanwhile.
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { webcrypto } from "node:crypto";
import { secrets } from "../../src/commands/secrets/secrets.ts";
import { beginRotation } from "../../src/kubernetes/rotation/rotation-steps.ts";
import { writeSecretsDocument } from "../../src/kubernetes/secrets/secrets-document.ts";
import {
  clusterFolder,
  type ClusterFolder,
} from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";
import { answering } from "./answering.ts";
import { runInProcess } from "./in-process.ts";

const rotate = ["secrets", "rotate", "--authority"] as const;

/** As after a run that was stopped in the first step. */
const begun = async (done: readonly string[]): Promise<ClusterFolder> => {
  const cluster = await clusterFolder();
  const made = await beginRotation(
    cluster.secrets,
    cluster.project,
    { now: new Date(), crypto: webcrypto },
    false,
  );
  const { rotation } = made.secrets;
  const now = {
    ...made.secrets,
    rotation: rotation && { ...rotation, done },
  };
  writeFileSync(
    cluster.secretsFile,
    writeSecretsDocument({ secrets: now, encryptedTo: [] }),
  );
  return cluster;
};

describe("secrets rotate --authority", () => {
  it("shows the plan as people read it and as data, and asks no node", async () => {
    const { folder, secretsFile } = await clusterFolder();
    const before = readFileSync(secretsFile, "utf8");
    const shown = await runCli([...rotate, "--dry-run"], { cwd: folder });
    expect(shown).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "The authorities of the cluster homelab are replaced in three steps:",
        "  trust: the new authorities are trusted beside the old ones",
        "    cplane, then worker1, then worker2",
        "  issue: new certificates and keys, signed by the new authorities",
        "    cplane, then worker1, then worker2",
        "  retire: the old authorities are forgotten",
        "    cplane, then worker1, then worker2",
        "",
      ].join("\n"),
    });
    const { stdout } = await runCli([...rotate, "--dry-run", "--json"], {
      cwd: folder,
    });
    expect(JSON.parse(stdout)).toMatchObject({
      type: "plan",
      plan: {
        cluster: "homelab",
        begun: false,
        nodes: [
          { name: "cplane", role: "control-plane" },
          { name: "worker1", role: "worker" },
          { name: "worker2", role: "worker" },
        ],
        steps: [{ step: "trust" }, { step: "issue" }, { step: "retire" }],
      },
    });
    expect(readFileSync(secretsFile, "utf8")).toBe(before);
  });

  it.each([
    [[...rotate], "there is no terminal to confirm on"],
    [
      [...rotate, "--yes", "--host", "worker1"],
      "--authority replaces what all nodes have in common: it goes without --host",
    ],
    [
      ["secrets", "status", "--authority", "--yes"],
      "--authority and --yes go with secrets rotate, not with secrets status",
    ],
    [
      ["secrets", "rotate", "--dry-run"],
      "--dry-run goes with secrets rotate --authority",
    ],
  ])("refuses %j", async (words, why) => {
    const { folder, secretsFile } = await clusterFolder();
    const before = readFileSync(secretsFile, "utf8");
    const { status, stderr } = await runCli(words, { cwd: folder });
    expect(stderr).toContain(`error[WRONG_ARGUMENTS]: ${why}\n`);
    expect(status).toBe(2);
    expect(readFileSync(secretsFile, "utf8")).toBe(before);
  });

  it("takes no card and no other rotation while one is not finished, and tells how to go on", async () => {
    const { folder, secretsFile } = await begun(["cplane"]);
    const before = readFileSync(secretsFile, "utf8");
    for (const words of [
      ["build", "--format", "seed"],
      ["check"],
      ["secrets", "rotate"],
    ]) {
      const { status, stderr } = await runCli(words, { cwd: folder });
      expect([words, stderr]).toEqual([
        words,
        expect.stringContaining(
          "error[ROTATION_UNFINISHED]: the cluster's authorities are being replaced",
        ),
      ]);
      expect(stderr).toContain(
        "hint: finish it first: pi-image secrets rotate --authority\n",
      );
      expect(status).toBe(2);
    }
    expect(readFileSync(secretsFile, "utf8")).toBe(before);
    expect(before).toMatch(/^version: 3$/m);

    const { stderr, status } = await runCli(["secrets", "status"], {
      cwd: folder,
    });
    expect(status).toBe(0);
    expect(stderr).toContain(
      [
        "warning: the authorities are being replaced, and worker1 and worker2 have not taken the step trust",
        "hint: pi-image secrets rotate --authority goes on; no card can be built until it is finished",
      ].join("\n"),
    );
    const plan = await runCli([...rotate, "--dry-run"], { cwd: folder });
    expect(plan.stdout).toContain(
      "are being replaced. What is left:\n  trust: the new authorities are trusted beside the old ones\n    worker1, then worker2\n",
    );
  });

  it("lets the kubeconfig trust both meanwhile", async () => {
    const { folder, secrets: old } = await begun([]);
    const { stdout } = await runCli(["kubeconfig", "--print"], { cwd: folder });
    const [, data = ""] =
      /certificate-authority-data: (\S+)/.exec(stdout) ?? [];
    const cas = Buffer.from(data, "base64").toString();
    expect(cas).toContain(old.ca.certificate);
    expect(cas.split("BEGIN CERTIFICATE")).toHaveLength(3);
  });
});

describe("secrets rotate at a terminal", () => {
  it.each([
    ["no", { exit: 130, changed: false }],
    ["yes", { exit: 0, changed: true }],
  ])("asks first; the answer is %s", async (answer, { exit, changed }) => {
    const { folder, secretsFile } = await clusterFolder();
    const before = readFileSync(secretsFile, "utf8");
    const questions: string[] = [];
    const ran = await runInProcess(
      "secrets",
      folder,
      (context) =>
        secrets(context, ["rotate"], {
          inventory: `${folder}/cluster.yaml`,
          out: `${folder}/out`,
        }),
      {
        ask: async ({ message }) => {
          questions.push(message);
          return answer;
        },
      },
    );
    expect(ran.exit).toBe(exit);
    expect(questions).toEqual([
      "Renew them? Type yes to do it (anything else stops):",
    ]);
    expect(readFileSync(secretsFile, "utf8") !== before).toBe(changed);
  });

  it("does not ask with --yes", async () => {
    const { folder } = await clusterFolder();
    const { context, questions } = answering(
      { ...process.env, KUBECONFIG: `${folder}/none` },
      () => "",
    );
    await secrets(context, ["rotate"], {
      inventory: `${folder}/cluster.yaml`,
      out: `${folder}/out`,
      yes: true,
    });
    context.close();
    expect(questions).toEqual([]);
  });
});
