// `pi-image watch` as a process, on a network of its own with an API server, mDNS and SSH ports.
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { nodeStatus, type RunningCli, startLan } from "../cluster/lan.ts";
import { runCli, runProcess } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const QUICK = ["--interval", "100ms", "--timeout", "40s"];
const TOOLS = ["unshare", "nsenter", "ip", "script"];

type Record_ = Readonly<Record<string, unknown>>;

/** The records of a run as they come. */
const recordsOf = async function* ({ child }: RunningCli) {
  if (child.stdout === null) {
    return;
  }
  for await (const line of createInterface({ input: child.stdout })) {
    yield JSON.parse(line) as Record_;
  }
};

const lan = async () => {
  const { folder, secretsFile } = await clusterFolder();
  return startLan(folder, secretsFile);
};

describeAsRoot(TOOLS, "watch on a network", () => {
  it("follows the nodes from power-on until all are Ready", async () => {
    const { play, answerSsh, start } = await lan();
    await play({});
    const run = start(["watch", "--json", ...QUICK]);
    const seen: string[] = [];
    let result: Record_ | undefined;
    for await (const record of recordsOf(run)) {
      seen.push(String(record["type"]));
      if (record["type"] === "api" && record["answers"] === false) {
        expect(record["kind"]).toBe("starting");
        answerSsh(
          "worker1",
          nodeStatus("worker1", "packages", "running", "Installs kubeadm."),
        );
        await play({
          api: "own",
          names: { "worker1.local": "192.168.77.51" },
          ssh: ["192.168.77.51"],
        });
      }
      if (record["name"] === "worker1" && record["phase"] === "packages") {
        expect(record).toMatchObject({
          type: "node",
          address: "192.168.77.51",
          ssh: "open",
          state: "running",
          message: "Installs kubeadm.",
          joined: false,
        });
        await play({
          api: "own",
          nodes: ["cplane", "worker1", "worker2"].map((name) => ({
            name,
            ready: true,
          })),
        });
      }
      if (record["type"] === "result") {
        result = record;
      }
    }
    expect((await run.result).status).toBe(0);
    expect(seen.at(-1)).toBe("result");
    expect(result).toEqual({
      schema: 1,
      type: "result",
      cluster: "homelab",
      ready: true,
      nodes: ["cplane", "worker1", "worker2"],
    });
  });

  it("says at the timeout what each node lacks and where to look, in plain characters", async () => {
    const { play, answerSsh, start } = await lan();
    answerSsh(
      "worker1",
      nodeStatus(
        "worker1",
        "kubeadm",
        "waiting",
        "Waits for\u001B[2J the API server.",
      ),
    );
    await play({
      api: "own",
      nodes: [{ name: "cplane", ready: false, message: "no network plug-in" }],
      names: { "worker1.local": "192.168.77.51" },
      ssh: ["192.168.77.51"],
    });
    const { status, stdout, stderr } = await start([
      "watch",
      "--timeout",
      "1ms",
    ]).result;
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr.replaceAll(/^\[\d+s\]/gm, "[0s]")).toMatchInlineSnapshot(`
      "[0s] cplane: 192.168.77.50, SSH not open yet, joined, not Ready: no network plug-in
      [0s] worker1: 192.168.77.51, SSH open, phase kubeadm waiting: Waits for the API server.
      [0s] worker2: 192.168.77.52, no answer
      [0s] the API server answers
      error[WATCH_TIMEOUT]: 3 of 3 nodes are not Ready after 0s
        cplane has joined and is not Ready: no network plug-in; \`pi-image doctor cplane\` looks closer
        worker1 has not joined: its phase kubeadm is waiting: Waits for the API server; its log: ssh -F out/ssh_config worker1 journalctl -u pi-image-node
        worker2 does not answer at 192.168.77.52; check its power, its cable or Wi-Fi, and its console
      state: the nodes keep trying by themselves
      hint: run \`pi-image watch\` again to keep waiting
      "
    `);
  });

  it("ends at once when another cluster answers", async () => {
    const other = await clusterFolder();
    const { folder, secretsFile } = await clusterFolder();
    const { play, start } = await startLan(
      folder,
      secretsFile,
      other.secretsFile,
    );
    await play({ api: "foreign" });
    const { status, stderr } = await start(["watch", "--timeout", "1h"]).result;
    expect(status).toBe(4);
    expect(stderr).toContain(
      "error[CLUSTER_MISMATCH]: the API server at 192.168.77.50:6443 belongs to another cluster",
    );
  });

  it("ends with 130 at Ctrl-C", async () => {
    const { play, start } = await lan();
    await play({ api: "own" });
    const run = start(["watch", "--json", ...QUICK]);
    for await (const _ of recordsOf(run)) {
      run.child.kill("SIGINT");
      break;
    }
    expect((await run.result).status).toBe(130);
  });

  it("draws a table in place on a terminal, without colours if NO_COLOR says so", async () => {
    const { play, start } = await lan();
    await play({
      api: "own",
      nodes: ["cplane", "worker1", "worker2"].map((name) => ({
        name,
        ready: true,
        address: "192.168.77.50",
      })),
    });
    const { stdout } = await start(["watch", ...QUICK], {
      terminal: true,
      env: { NO_COLOR: "1", TERM: "xterm" },
    }).result;
    expect(stdout.replaceAll(/after \d+s|\d+[hms]\d+[ms]$/gm, "..."))
      .toMatchInlineSnapshot(`
      "
      [J[?7lNODE     ROLE           ADDRESS        SSH     PHASE  JOINED  READY  VERSION  AGE
      cplane   control-plane  192.168.77.50  closed  -      yes     yes    v1.36.2  ...
      worker1  worker         192.168.77.50  closed  -      yes     yes    v1.36.2  ...
      worker2  worker         192.168.77.50  closed  -      yes     yes    v1.36.2  ...
      3 of 3 nodes Ready ...
      [?7hThe cluster homelab is complete: all 3 nodes are Ready.
      "
    `);
  });
});

describeAsRoot(["unshare", "head"], "watch --json", () => {
  it("ends when nobody reads its records any more, although nothing changes", async () => {
    const { folder } = await clusterFolder();
    const { status, stdout, stderr } = await runProcess(
      ["watch", "--json", "--interval", "1s"],
      {
        cwd: folder,
        through: 'unshare --net "$@" | head -n 1; exit "${PIPESTATUS[0]}"',
      },
    );
    expect(JSON.parse(stdout)).toMatchObject({ type: "api", answers: false });
    expect(stderr).toContain("whoever read the records has gone");
    expect(status).toBe(130);
  });
});

describe("watch", () => {
  it("needs the cluster's secrets and makes none", async () => {
    const { folder, secretsFile } = await clusterFolder();
    rmSync(secretsFile);
    const { status, stderr } = await runCli(["watch"], { cwd: folder });
    expect(status).toBe(2);
    expect(stderr).toContain("error[SECRETS_UNREADABLE]");
    expect(stderr).toContain("`pi-image build` makes them");
  });

  it("says that this computer's clock is wrong", async () => {
    const { folder } = await clusterFolder(
      new Date(Date.now() + 800 * 24 * 60 * 60 * 1000),
    );
    const { status, stderr } = await runCli(["watch"], { cwd: folder });
    expect(status).toBe(1);
    expect(stderr).toContain("error[CLOCK_WRONG]: this computer's clock says");
  });

  it("refuses a time that is none", async () => {
    const { status, stderr } = await runCli(["watch", "--timeout=soon"], {
      cwd: tmpdir(),
    });
    expect(status).toBe(2);
    expect(stderr).toContain('error[WRONG_ARGUMENTS]: --timeout "soon" is not');
  });
});
