// Every other node: what it waits for, what each failure of kubeadm join says, and that no attempt is in the way of the next.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { sampleProject } from "../seed/sample-project.ts";
import { describeWithTools } from "../support/tools.ts";
import { calls, isDone, powerOn, restart, describeNode } from "./fake-node.ts";
import { joinFile } from "./join-identities.ts";
import {
  dhcpProject,
  second,
  shared,
  lay,
  assemble,
  said,
  verbs,
  read,
  CLEARING,
  FIRST,
  running,
} from "./kubeadm-phase.ts";

const byToken: ResolvedProject = {
  ...sampleProject,
  cluster: {
    ...sampleProject.cluster,
    join: { ...sampleProject.cluster.join, by: "token" },
  },
};

const MAY_JOIN = "This card may join until May 26 00:00:00 2099 GMT.";
const ASKING = "Asking the control plane at cplane:6443.";
const JOINING = "Joining the cluster with kubeadm join.";

/** Every file of the disk with its number and the time of its last change. */
const LIST_DISK = "find var etc -printf '%p %i %T@\\n' | sort";

describeNode("join", () => {
  it("says how long it may, joins, and removes its right to join", async () => {
    const root = await assemble({});
    expect(said(root)).toEqual([MAY_JOIN, ASKING, JOINING, "done"]);
    expect(verbs(root)).toEqual(["join"]);
    expect(existsSync(join(root, "etc/pi-image/join.conf"))).toBe(false);
    expect(existsSync(join(root, "run/pi-image/kubeadm.yaml"))).toBe(false);
    expect(read(root, "etc/hosts")).toContain("192.168.1.50 cplane");
  });

  it("survives being switched on long before the control plane", async () => {
    const root = await assemble({
      project: dhcpProject,
      world: { mdns: "" },
      plans: { "kubectl-cluster": ["fail", "fail", "fail"] },
      says: {
        "kubectl-cluster":
          "The connection to the server cplane:6443 was refused - did you specify the right host or port?",
      },
      after: {
        2: "echo cplane.local 192.168.1.50 >world/mdns",
        3: `${LIST_DISK} >world/disk-3`,
        4: `${LIST_DISK} >world/disk-4`,
      },
    });
    // An attempt that only waits writes nothing to the card, however often it comes; the end is on it.
    expect(read(root, "world/disk-3")).toContain(
      "var/lib/pi-image/status.json",
    );
    expect(read(root, "world/disk-4")).toBe(read(root, "world/disk-3"));
    expect(lstatSync(join(root, "var/lib/pi-image/status.json")).isFile()).toBe(
      true,
    );
    expect(said(root)).toEqual([
      MAY_JOIN,
      "Neither DNS nor mDNS knows the address of cplane. Switch the control plane on, or give it a fixed address.",
      ASKING,
      "The control plane at cplane:6443 does not answer yet. Switch it on, or look at its own console.",
      JOINING,
      "done",
    ]);
    // No attempt of kubeadm was made that would have failed and left something.
    expect(verbs(root)).toEqual(["join"]);
  });

  it.each([
    [
      'Error from server (NotFound): services "kube-dns" not found',
      "The control plane at cplane:6443 answers and is still being built.",
    ],
    [
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "The API server at cplane:6443 belongs to another cluster: this card does not know its authority. Build this card again (pi-image build --host worker1) and flash it with the secrets of that cluster, or correct the endpoint.",
    ],
    [
      "error: You must be logged in to the server (Unauthorized)",
      "The cluster refuses the certificate of this card, which was made with other secrets. Build this card again (pi-image build --host worker1) and flash it with the secrets of this cluster.",
    ],
    [
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate is valid for kubernetes, cp, not cplane",
      "The certificate of the API server at cplane:6443 is for other names. The control plane was built with another endpoint.",
    ],
    [
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-20T07:00:00Z is before 2026-11-21T00:00:00Z",
      "The certificate of the API server is not valid on 2026-11-20, by the clock of this node.",
    ],
  ])("explains the answer %s", async (answer, message) => {
    const root = await assemble({
      plans: { "kubectl-cluster": ["fail", "fail"] },
      says: { "kubectl-cluster": answer },
    });
    expect(said(root)).toEqual([MAY_JOIN, ASKING, message, JOINING, "done"]);
  });

  it.each([
    [
      "v1.35.9",
      "This card has Kubernetes 1.36, and the cluster runs 1.35: no node may be newer than its API server. Upgrade the cluster (pi-image upgrade --to 1.36), and this node goes on by itself; or build this card again with 1.35.",
    ],
    [
      "v1.37.1",
      "This card has Kubernetes 1.36, and the cluster runs 1.37 by now. Build this card again (pi-image build --host worker1) and flash it.",
    ],
  ])("waits beside an API server of %s", async (runs, message) => {
    const root = await assemble({
      files: { "world/cluster-runs": `${runs}\n` },
      after: { 2: "rm world/cluster-runs" },
    });
    expect(said(root)).toEqual([MAY_JOIN, ASKING, message, JOINING, "done"]);
    expect(verbs(root)).toEqual(["join"]);
  });

  it("says which machines the control plane can be", async () => {
    const root = await assemble({
      project: shared,
      plans: { "kubectl-cluster": ["fail"] },
      says: { "kubectl-cluster": "Unable to connect to the server" },
    });
    expect(said(root)[2]).toMatch(
      /does not answer yet: it is cplane \(192\.168\.1\.50\)( or|,) /,
    );
  });

  it("waits for the time where there is no internet, before it takes its right to join for ended", async () => {
    const root = await assemble({
      project: {
        ...sampleProject,
        cluster: { ...sampleProject.cluster, offline: true },
      },
      world: { synchronised: "no" },
      files: {
        "etc/pi-image/join.conf": await joinFile("ended"),
        "world/good": await joinFile("good"),
      },
      after: {
        2: "echo yes >world/synchronised",
        3: "cp world/good etc/pi-image/join.conf",
      },
    });
    expect(said(root).slice(0, 2)).toEqual([
      "By the clock of this node, which stands at 2026-11-20, its right to join ended on Jan 31 00:00:00 2020 GMT. It waits for the time of the cluster.",
      "The right of this card to join ended on Jan 31 00:00:00 2020 GMT. Build this card again (pi-image build --host worker1) and flash it.",
    ]);
  });

  it("names a clock that is ahead of kubeadm's certificates", async () => {
    const root = await assemble({
      plans: { "kubeadm-join": ["fail"] },
      says: {
        "kubeadm-join":
          "error execution phase preflight: couldn't validate the identity of the API Server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2099-01-01T00:00:00Z is after 2036-11-20T06:00:00Z",
      },
    });
    expect(said(root)).toContainEqual(
      expect.stringContaining(
        "the clock of this node stands at 2026-11-20, by which a certificate has ended (current time 2099-01-01T00:00:00Z is after 2036-11-20T06:00:00Z)",
      ),
    );
  });

  it("says that the right to join has ended, and goes on when the file is replaced", async () => {
    const root = await assemble({
      files: {
        "etc/pi-image/join.conf": await joinFile("ended"),
        "world/good": await joinFile("good"),
      },
      after: { 2: "cp world/good etc/pi-image/join.conf" },
    });
    expect(said(root)).toEqual([
      "The right of this card to join ended on Jan 31 00:00:00 2020 GMT. Build this card again (pi-image build --host worker1) and flash it.",
      MAY_JOIN,
      ASKING,
      JOINING,
      "done",
    ]);
  });

  it("says that the join file is damaged or missing", async () => {
    const good = await joinFile("good");
    const root = await assemble({
      files: {
        "etc/pi-image/join.conf": "",
        "world/good": good,
        "world/damaged": good.replace(/client-certificate-data: ..../, "$&!"),
      },
      after: {
        1: "cp world/damaged etc/pi-image/join.conf",
        2: "cp world/good etc/pi-image/join.conf",
      },
    });
    expect(said(root).slice(0, 2)).toEqual([
      "The join file /etc/pi-image/join.conf is missing. Build this card again (pi-image build --host worker1) and flash it.",
      "The join file /etc/pi-image/join.conf is damaged. Build this card again (pi-image build --host worker1) and flash it.",
    ]);
  });

  it("joins by token without a join file", async () => {
    const root = await assemble({ project: byToken });
    expect(said(root)).toEqual([ASKING, JOINING, "done"]);
    expect(calls(root, "kubectl")[0]).toContain("get --raw /readyz");
  });

  it("clears what a failed join left, and what a power cut left", async () => {
    const root = await lay({
      plans: { "kubeadm-join-middle": ["fail", "cut"] },
      says: {
        "kubeadm-join-middle":
          'error: error execution phase kubelet-start: a Node with name "worker1" and status "Ready" already exists in the cluster.\nTo see the stack trace of this error execute with --v=5 or higher',
      },
    });
    expect((await powerOn(root)).code).toBeNull();
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(said(root)).toContain(
      "kubeadm join failed: the cluster still takes the earlier card of this node for alive, which ends within a minute.",
    );
    expect(verbs(root)).toEqual(["join", "reset", "join", "reset", "join"]);
  });

  it("does not join twice after a power cut between the join and its marker", async () => {
    const root = await lay({ plans: { "kubeadm-join": ["cut-after"] } });
    expect((await powerOn(root)).code).toBeNull();
    expect(existsSync(join(root, "var/lib/pi-image/kubeadm-done"))).toBe(false);
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(verbs(root)).toEqual(["join"]);
  });
});

describeNode("join of a further control plane", () => {
  const joining = {
    node: second,
    project: shared,
    world: { address: "192.168.1.51", ...running(["192.168.1.50"], [FIRST]) },
  };
  const WAITING =
    "An earlier attempt to join reached etcd; waiting for the API server of this node to answer.";
  const VOTE =
    "The cluster's etcd may need the vote of this node and is not complete. Switch the other control planes on.";

  it("brings the cluster's keys and kube-vip along", async () => {
    const root = await assemble(joining);
    expect(verbs(root)).toEqual(["join"]);
    expect(read(root, "etc/kubernetes/manifests/kube-vip.yaml")).toContain(
      " path: /etc/kubernetes/admin.conf",
    );
    expect(existsSync(join(root, "etc/kubernetes/pki/etcd/ca.key"))).toBe(true);
  });

  it("is brought to its end, and not reset, when it had reached etcd before a power cut", async () => {
    const root = await lay({
      ...joining,
      plans: { "kubeadm-join": ["cut-after"] },
    });
    expect((await powerOn(root)).code).toBeNull();
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(verbs(root)).toEqual([
      "join",
      "join phase control-plane-join mark-control-plane",
    ]);
    expect(existsSync(join(root, "var/lib/etcd/member"))).toBe(true);
  });

  it("keeps etcd's data while the others have no majority without them", async () => {
    const root = await lay({
      ...joining,
      plans: {
        "kubeadm-join-middle": ["cut"],
        // Asked once before the power cut; then the others do not answer until this node votes again.
        "kubectl-cluster": ["ok", "fail", "ok"],
      },
      // Ten minutes pass, twice.
      after: {
        2: "echo 1000.00 >proc/uptime",
        5: "echo 2000.00 >proc/uptime",
      },
    });
    expect((await powerOn(root)).code).toBeNull();
    restart(root);
    await powerOn(root);
    expect(said(root)).toEqual(
      expect.arrayContaining([WAITING, VOTE, CLEARING, "done"]),
    );
    const order = read(root, "world/calls");
    expect(order.indexOf("systemctl stop kubelet.service")).toBeLessThan(
      order.indexOf("kubeadm reset"),
    );
    expect(
      calls(root, "systemctl").filter((call) => call.includes("stop kubelet")),
    ).toHaveLength(2);
    expect(isDone(root)).toBe(true);
  });
});

describeWithTools(["kubectl"], "the real kubectl", () => {
  const ask = (...identity: readonly string[]) =>
    spawnSync(
      "kubectl",
      [
        "--kubeconfig",
        "/dev/null",
        ...identity,
        "--request-timeout=10s",
        "--server",
        "https://127.0.0.1:1",
        "--insecure-skip-tls-verify",
        "get",
        "--raw",
        "/readyz",
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );

  it("asks the server when it has a user name, and a terminal otherwise", () => {
    expect(ask("--username", "nobody").stderr).toContain("127.0.0.1:1");
    expect(ask().stderr).toContain("EOF");
  });
});
