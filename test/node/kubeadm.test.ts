// The kubeadm phase: init and join, what each failure says, and that no attempt is in the way of the next.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
  staticNetwork,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  isDone,
  layNode,
  leftToDo,
  powerOn,
  restart,
  screen,
  describeNode,
} from "./fake-node.ts";
import { describeWithTools } from "../support/tools.ts";
import { joinFile } from "./join-identities.ts";

const dhcpControlPlane: ResolvedNode = {
  ...controlPlane,
  network: sampleNode.network,
};
const realKubeadm = process.env["PI_IMAGE_KUBEADM"];

/** The control plane's address is not known before it boots. */
const dhcpProject: ResolvedProject = {
  cluster: {
    ...sampleProject.cluster,
    endpoint: { ...sampleProject.cluster.endpoint, address: undefined },
  },
  nodes: [dhcpControlPlane, sampleNode],
};
const second: ResolvedNode = {
  ...controlPlane,
  name: "cplane2",
  network: staticNetwork("192.168.1.51/24"),
};
/** Three control planes behind a virtual address. */
const shared: ResolvedProject = {
  cluster: {
    ...sampleProject.cluster,
    endpoint: {
      host: "api.home",
      port: 6443,
      address: "192.168.1.40",
      virtual: true,
    },
  },
  nodes: [
    controlPlane,
    second,
    { ...second, name: "cplane3", network: staticNetwork("192.168.1.52/24") },
    sampleNode,
  ],
};
const byToken: ResolvedProject = {
  ...sampleProject,
  cluster: {
    ...sampleProject.cluster,
    join: { ...sampleProject.cluster.join, by: "token" },
  },
};

const lay = (is: Partial<Circumstances>): Promise<string> =>
  layNode({
    project: sampleProject,
    node: sampleNode,
    ...is,
    world: { runtime: " ", ...is.world },
    files: { ...leftToDo("50-kubeadm"), ...is.files },
  });

/** Runs the phase alone, to its end. */
const assemble = async (is: Partial<Circumstances>): Promise<string> => {
  const root = await lay(is);
  const { code, output } = await powerOn(root);
  expect({ code, output, done: isDone(root) }).toMatchObject({
    code: 0,
    done: true,
  });
  return root;
};

const said = (root: string): readonly string[] =>
  screen(root)
    .filter((line) => line.startsWith("kubeadm: "))
    .map((line) => line.replace("kubeadm: ", ""));

/** The verbs of kubeadm's calls but for `version`. */
const verbs = (root: string): readonly string[] =>
  calls(root, "kubeadm")
    .map((call) => call.replace("kubeadm ", "").replace(/ --.*/, ""))
    .filter((verb) => !verb.startsWith("version"));

const read = (root: string, path: string): string =>
  readFileSync(join(root, path), "utf8");

const CHECKING =
  "Checking the node and fetching the images of the control plane.";
const STARTING =
  "Starting the control plane with kubeadm init; this takes some minutes.";
const CLEARING = "Clearing what an unfinished attempt left.";
const MAY_JOIN = "This card may join until May 26 00:00:00 2099 GMT.";
const ASKING = "Asking the control plane at cplane:6443.";
const JOINING = "Joining the cluster with kubeadm join.";

describeNode("init", () => {
  it("keeps the cluster's own keys and shows no token", async () => {
    const root = await assemble({ node: controlPlane });
    expect(said(root)).toEqual([CHECKING, STARTING, "done"]);
    expect(verbs(root)).toEqual(["init phase preflight", "init"]);
    const pki = join(root, "etc/kubernetes/pki");
    expect(statSync(join(pki, "ca.key")).mode & 0o777).toBe(0o600);
    expect(read(root, "etc/kubernetes/pki/ca.crt")).toContain(
      "BEGIN CERTIFICATE",
    );
  });

  it("tells kubeadm the installed version, and the uplink's address under DHCP", async () => {
    const root = await lay({
      project: dhcpProject,
      node: dhcpControlPlane,
      world: { kubernetes: "v1.36.2" },
      plans: { "kubeadm-init": ["cut"] },
    });
    await powerOn(root);
    const document = read(root, "run/pi-image/kubeadm.yaml");
    expect(document).toMatch(/^kubernetesVersion: v1\.36\.2$/m);
    expect(document).toContain(
      "nodeRegistration:\n  kubeletExtraArgs:\n    - name: node-ip\n      value: 192.168.1.50\n  name: cplane\n",
    );
    expect(document).toContain(
      "localAPIEndpoint:\n  advertiseAddress: 192.168.1.50\n  bindPort: 6443\n",
    );
    expect(statSync(join(root, "run/pi-image/kubeadm.yaml")).mode & 0o777).toBe(
      0o600,
    );
  });

  it.skipIf(realKubeadm === undefined)(
    "gives a real kubeadm documents that it accepts (needs PI_IMAGE_KUBEADM)",
    async () => {
      const root = await lay({
        project: dhcpProject,
        node: dhcpControlPlane,
        plans: { "kubeadm-init": ["cut"] },
      });
      await powerOn(root);
      const document = join(root, "run/pi-image/kubeadm.yaml");
      const judge = (...args: readonly string[]) =>
        spawnSync(realKubeadm ?? "", [...args, "--config", document], {
          encoding: "utf8",
        });
      expect(judge("config", "validate")).toMatchObject({ status: 0 });
      writeFileSync(
        document,
        read(root, "run/pi-image/kubeadm.yaml").replace(
          "value: 192",
          "valeu: 192",
        ),
      );
      expect(judge("config", "validate").stderr).toContain("valeu");
    },
  );

  it("shows what preflight refuses, and clears nothing for it", async () => {
    const root = await assemble({
      node: controlPlane,
      plans: { "kubeadm-preflight": ["fail", "fail"] },
      says: {
        "kubeadm-preflight":
          "[preflight] Running pre-flight checks\n\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2\n\t[ERROR Mem]: the system RAM (905 MB) is less than the minimum 1700 MB\nerror: error execution phase preflight: preflight checks failed",
      },
    });
    expect(said(root)).toEqual([
      CHECKING,
      "The node cannot start a control plane yet: NumCPU: the number of available CPUs 1 is less than the required 2 Mem: the system RAM (905 MB) is less than the minimum 1700 MB.",
      STARTING,
      "done",
    ]);
    expect(verbs(root)).not.toContain("reset");
  });

  it("names the registry that does not resolve", async () => {
    const root = await assemble({
      node: controlPlane,
      plans: { "kubeadm-preflight": ["fail"] },
      says: {
        "kubeadm-preflight":
          "\t[ERROR ImagePull]: failed to pull image registry.k8s.io/pause:3.10.2: dial tcp: lookup registry.k8s.io on 127.0.0.53:53: no such host",
      },
    });
    expect(said(root)[1]).toBe(
      "The node cannot start a control plane yet: the name registry.k8s.io does not resolve; check the DNS server of the network.",
    );
  });

  it("clears all that a failed attempt left, etcd's data too, and lays the keys again", async () => {
    const root = await assemble({
      node: controlPlane,
      world: { "reset-leaves-etcd": " " },
      plans: { "kubeadm-init-middle": ["fail", "ok"] },
      says: {
        "kubeadm-init-middle":
          "error: error execution phase wait-control-plane: failed while waiting for the control plane to start\nTo see the stack trace of this error execute with --v=5 or higher",
      },
    });
    expect(said(root)).toEqual([
      CHECKING,
      STARTING,
      "kubeadm init failed: error: error execution phase wait-control-plane: failed while waiting for the control plane to start.",
      CLEARING,
      "done",
    ]);
    expect(verbs(root)).toEqual([
      "init phase preflight",
      "init",
      "reset",
      "init phase preflight",
      "init",
    ]);
  });

  it("does the same after a power cut in the middle", async () => {
    const root = await lay({
      node: controlPlane,
      world: { "reset-leaves-etcd": " " },
      plans: { "kubeadm-init-middle": ["cut"] },
    });
    expect((await powerOn(root)).code).toBeNull();
    const stop = "systemctl stop kubelet.service";
    expect(calls(root, "systemctl")).not.toContain(stop);
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(said(root)).toContain(CLEARING);
    expect(isDone(root)).toBe(true);
    // The half-made API server must not answer meanwhile.
    expect(calls(root, "systemctl")).toContain(stop);
  });

  it("is never begun again, nor reset, once it has succeeded and is on the disk", async () => {
    const marker = "var/lib/pi-image/kubeadm-done";
    const early = await lay({ node: controlPlane, plans: { sync: ["cut"] } });
    expect((await powerOn(early)).code).toBeNull();
    expect(existsSync(join(early, marker))).toBe(false);
    const root = await lay({
      node: controlPlane,
      plans: { sync: ["ok", "cut"] },
    });
    expect((await powerOn(root)).code).toBeNull();
    expect(existsSync(join(root, marker))).toBe(true);
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(verbs(root)).toEqual(["init phase preflight", "init"]);
  });

  it("stops an init that hangs, and tries again", async () => {
    const root = await assemble({
      node: controlPlane,
      plans: { "kubeadm-init": ["hang"] },
    });
    expect(said(root)).toContain(
      "kubeadm init failed: kubeadm did not end within 3600 seconds and was stopped.",
    );
  });

  it("lends kube-vip the stronger kubeconfig until it has succeeded", async () => {
    const root = await assemble({ node: controlPlane, project: shared });
    expect(read(root, "etc/kubernetes/manifests/kube-vip.yaml")).toContain(
      " path: /etc/kubernetes/admin.conf",
    );
    expect(read(root, "etc/hosts")).toContain("192.168.1.40 api.home");
  });

  it("begins no second cluster beside the control planes that run", async () => {
    const root = await assemble({
      node: controlPlane,
      project: shared,
      world: { "runs-elsewhere": " " },
      after: {
        2: 'cp world/calls world/before && rm "world/runs-elsewhere"',
      },
    });
    expect(said(root)[0]).toBe(
      "The cluster homelab runs already and api.home is its endpoint; this card would begin a second one. Put another control plane first in cluster.yaml, build this card again (pi-image build --host cplane) and flash it: it joins then.",
    );
    expect(read(root, "world/before")).not.toContain("kubeadm init");
  });

  it("does not take itself for another control plane", async () => {
    const root = await assemble({
      node: controlPlane,
      world: { "runs-elsewhere": " " },
    });
    expect(said(root)).toEqual([CHECKING, STARTING, "done"]);
  });
});

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
      after: { 2: "echo cplane.local 192.168.1.50 >world/mdns" },
    });
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
      'kubeadm join failed: error: error execution phase kubelet-start: a Node with name "worker1" and status "Ready" already exists in the cluster.',
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
    world: { address: "192.168.1.51" },
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
