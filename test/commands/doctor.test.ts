// `pi-image doctor` as a process, on a network of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, describe } from "vitest";
import { bundleLock } from "../cluster/bundle-lock.ts";
import { clusterFolder, INVENTORY } from "../cluster/cluster-folder.ts";
import { nodeStatus, startLan } from "../cluster/lan.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const withoutDates = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\d/g, "YYYY-MM-DD");

const lan = async (made?: Date) => {
  const { folder, secretsFile } = await clusterFolder(made);
  return startLan(folder, secretsFile);
};

const daysAgo = (days: number): Date =>
  new Date(Date.now() - days * 24 * 60 * 60 * 1000);

describeAsRoot(["unshare", "nsenter", "ip"], "doctor on a network", () => {
  it("finds nothing wrong with a node that is Ready", async () => {
    const { play, answerSsh, start } = await lan(daysAgo(40));
    answerSsh("worker1", {
      ...nodeStatus("worker1", "done", "done", "joined"),
      notes: {
        storage: "The system runs from /dev/nvme0n1 (1T Disk).",
        pcie: "PCIe stays at Gen 2 (417 MB/s): the link made 12 errors at Gen 3.",
      },
    });
    await play({
      api: "own",
      nodes: [{ name: "worker1", ready: true }],
      names: { "worker1.local": "192.168.77.51" },
      ssh: ["192.168.77.51"],
    });
    const { status, stdout, stderr } = await start(["doctor", "worker1"])
      .result;
    expect(stderr).toBe("");
    expect(status).toBe(0);
    await expect(withoutDates(stdout)).toMatchFileSnapshot(
      "../cluster/golden/doctor-ready.txt",
    );
  });

  it("names the first cause of a node that has not joined", async () => {
    const { play, answerSsh, start } = await lan(daysAgo(40));
    answerSsh(
      "worker1",
      nodeStatus("worker1", "kubeadm", "failed-retrying", "The join ended."),
    );
    await play({
      api: "own",
      names: { "worker1.local": "192.168.77.51" },
      ssh: ["192.168.77.51"],
    });
    const { status, stdout, stderr } = await start(["doctor", "worker1"])
      .result;
    expect(status).toBe(1);
    await expect(withoutDates(stdout + stderr)).toMatchFileSnapshot(
      "../cluster/golden/doctor-not-joined.txt",
    );
  });

  it("knows that a control plane was made anew under a node that had joined", async () => {
    const { play, answerSsh, start } = await lan(daysAgo(40));
    answerSsh("worker1", nodeStatus("worker1", "done", "done", "joined"));
    await play({
      api: "own",
      names: { "worker1.local": "192.168.77.51" },
      ssh: ["192.168.77.51"],
    });
    const { stdout, stderr } = await start(["doctor", "worker1"]).result;
    expect(stderr).toContain(
      "worker1 has 1 problem; the first one is usually the cause: joined",
    );
    expect(stdout).toContain(
      "hint: it registers again by itself within ten minutes, or at once when you restart it",
    );
  });

  it("gives records of a node that nobody knows", async () => {
    const { play, start } = await lan();
    await play({});
    const { status, stdout } = await start(["doctor", "worker1", "--json"])
      .result;
    expect(status).toBe(1);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map(({ check, result }) => [check, result])).toEqual([
      ["join identity", "ok"],
      ["address", "problem"],
      ["API server", "problem"],
      ["joined", "unknown"],
      ["ready", "unknown"],
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(records.at(-2)).toMatchObject({
      type: "result",
      problems: ["address", "API server"],
    });
    expect(records.at(-1)).toMatchObject({ code: "NODE_NOT_UP", exitCode: 1 });
  });

  it.each([
    [
      "Host key verification failed.",
      "another computer answers, or the card was made with other secrets",
    ],
    ["ana@worker1: Permission denied (publickey).", "none of your keys"],
    ["ssh: something else", "SSH cannot connect: ssh: something else"],
  ])("explains ssh's %j", async (said, explained) => {
    const { play, answerSsh, start } = await lan();
    answerSsh("cplane", said);
    await play({ ssh: ["192.168.77.50"] });
    const { stdout } = await start(["doctor", "cplane"]).result;
    expect(stdout).toContain(explained);
    expect(stdout).toMatch(/^unknown {2}node unit/m);
  });

  it("notices a card that belongs to another node", async () => {
    const { play, answerSsh, start } = await lan();
    answerSsh("cplane", nodeStatus("worker2", "kubeadm", "waiting", "Waits."));
    await play({ ssh: ["192.168.77.50"] });
    const { stdout } = await start(["doctor", "cplane"]).result;
    expect(stdout).toContain(
      "the card in this Pi belongs to worker2 of the cluster homelab",
    );
  });

  it.each([
    [1, "1 day ago)\n"],
    [
      100,
      "100 days ago)\n                        hint: newer ones come with: pi-image bundle update, then build and flash\n",
    ],
  ])(
    "says that a cluster is offline, with a bundle %d days old",
    async (days, said) => {
      const { folder, secretsFile } = await clusterFolder(
        undefined,
        INVENTORY.replace(
          "name: homelab",
          "name: homelab\n  offline: true\n  endpoint: cplane",
        ).replace("gateway:", "base: ubuntu-24.04\n  gateway:"),
      );
      writeFileSync(
        join(folder, "cluster.lock.json"),
        bundleLock({ date: daysAgo(days) }),
      );
      const { play, start } = await startLan(folder, secretsFile);
      await play({});
      const { stdout } = await start(["doctor", "worker1"]).result;
      expect(withoutDates(stdout)).toContain(
        `ok       bundle         the cluster homelab is offline; its packages are those of YYYY-MM-DD (${said}`,
      );
    },
  );
});

describe("doctor", () => {
  it("knows which node was meant", async () => {
    const { folder } = await clusterFolder();
    const { status, stderr } = await runCli(["doctor", "wroker2"], {
      cwd: folder,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("did you mean worker2?");
  });
});
