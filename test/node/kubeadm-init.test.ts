// The first control plane: what each failure of kubeadm init says, and that no attempt is in the way of the next.
import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { controlPlane, staticNetwork } from "../seed/sample-project.ts";
import { calls, isDone, powerOn, restart, describeNode } from "./fake-node.ts";
import {
  dhcpControlPlane,
  dhcpProject,
  shared,
  second,
  lay,
  assemble,
  said,
  verbs,
  read,
  CLEARING,
  FIRST,
  SECOND,
  THIRD,
  running,
} from "./kubeadm-phase.ts";

const realKubeadm = process.env["PI_IMAGE_KUBEADM"];

const CHECKING =
  "Checking the node and fetching the images of the control plane.";
const STARTING =
  "Starting the control plane with kubeadm init; this takes some minutes.";

const MAY_JOIN = "This card may join until May 26 00:00:00 2099 GMT.";
const ASKING = "Asking the control plane at 192.168.1.52:6443.";
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
    const encryption = join(pki, "pi-image/encryption.yaml");
    expect(statSync(encryption).mode & 0o777).toBe(0o600);
    const audit = join(root, "var/log/kubernetes/audit");
    expect(statSync(audit).mode & 0o777).toBe(0o700);
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
      "nodeRegistration:\n  kubeletExtraArgs:\n    - name: node-ip\n      value: 192.168.1.50\n    - name: resolv-conf\n      value: /run/systemd/resolve/resolv.conf\n  name: cplane\n",
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
    const early = await lay({
      node: controlPlane,
      plans: { sync: ["ok", "ok", "cut"] },
    });
    expect((await powerOn(early)).code).toBeNull();
    expect(existsSync(join(early, marker))).toBe(false);
    const root = await lay({
      node: controlPlane,
      plans: { sync: ["ok", "ok", "ok", "cut"] },
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

  it.each([
    ["answer", '{"gitVersion": "v1.36.5"}'],
    [
      "let nobody in",
      "error: You must be logged in to the server (Unauthorized)",
    ],
  ])("joins control planes that %s", async (_, answer) => {
    const root = await assemble({
      node: controlPlane,
      project: shared,
      world: {
        ...running(["192.168.1.52"], [SECOND, THIRD]),
        "api-answer": answer,
      },
    });
    expect(said(root)).toEqual([MAY_JOIN, ASKING, JOINING, "done"]);
    expect(verbs(root)).toEqual(["join"]);
  });

  it("takes out a member of its address that has no name yet, in IPv6 too", async () => {
    const card = { ...controlPlane, network: staticNetwork("fd00::50/64") };
    const root = await assemble({
      node: card,
      project: {
        cluster: {
          ...shared.cluster,
          podSubnet: "fd00:10:244::/56",
          serviceSubnet: "fd00:10:96::/112",
        },
        nodes: [card, { ...second, network: staticNetwork("fd00::51/64") }],
      },
      world: {
        ...running(
          ["[fd00::51]"],
          ['{"ID":"7","peerURLs":["https://[fd00::50]:2380"]}', SECOND],
        ),
        etcd: "fd00::51",
        address6: "fd00::50/64 scope global",
      },
    });
    expect(said(root)).toContain(
      "Taking the card that this one replaces out of etcd (a member that never started at fd00::50).",
    );
    expect(read(root, "world/members")).not.toContain("fd00::50");
    expect(verbs(root)).toEqual(["join"]);
  });

  it("asks once more before it begins, since the images took minutes", async () => {
    const root = await assemble({
      node: controlPlane,
      project: shared,
      world: { members: SECOND, begun: " " },
      plans: { "kubeadm-preflight": ["run"] },
      says: {
        "kubeadm-preflight":
          "echo 192.168.1.51 >world/api-servers; echo 192.168.1.51 >world/etcd",
      },
    });
    expect(said(root).slice(0, 2)).toEqual([
      CHECKING,
      "cplane2 answers now: the cluster homelab runs, and this card joins it.",
    ]);
    expect(verbs(root)).toEqual(["init phase preflight", "join"]);
  });

  it("waits where etcd runs elsewhere and no API server does", async () => {
    const root = await assemble({
      node: controlPlane,
      project: shared,
      world: { etcd: "192.168.1.51", members: SECOND, begun: " " },
      after: {
        2: "cp world/calls world/before; cp world/etcd world/api-servers",
      },
    });
    expect(said(root)[0]).toBe(
      "etcd runs on cplane2, but the API server there does not answer. Look at its console; this card joins when it answers.",
    );
    expect(read(root, "world/before")).not.toContain("kubeadm init");
    expect(verbs(root)).toEqual(["join"]);
  });

  it("neither uses nor erases what an earlier card wrote", async () => {
    const root = await assemble({
      node: controlPlane,
      files: { "var/lib/etcd/member/snap/db": "an earlier card's" },
      after: {
        2: "cp world/calls world/before; mv var/lib/etcd var/lib/etcd.old",
      },
    });
    expect(said(root)[0]).toMatch(
      /^This node has the state of a cluster that an earlier card wrote, from \d{4}-\d\d-\d\d on or before\. It is neither used nor erased\. To go on with it: sudo touch \/etc\/pi-image\/restore\. To begin a new, empty cluster beside it: sudo mv \/var\/lib\/etcd \/var\/lib\/etcd\.old\.$/,
    );
    expect(read(root, "world/before")).not.toContain("kubeadm init");
    expect(read(root, "var/lib/etcd.old/member/snap/db")).toContain("earlier");
    expect(verbs(root)).not.toContain("reset");
  });

  it("keeps an earlier card's state beside when it joins", async () => {
    const root = await assemble({
      node: controlPlane,
      project: shared,
      world: running(["192.168.1.51"], [SECOND, THIRD]),
      files: {
        "var/lib/etcd/member/snap/db": "an earlier card's",
        "var/lib/etcd.earlier/member/snap/db": "a still earlier card's",
      },
    });
    expect(said(root)).toContain(
      "Keeping the etcd data of an earlier card in /var/lib/etcd.earlier+; the cluster that runs has newer ones.",
    );
    expect(read(root, "var/lib/etcd.earlier+/member/snap/db")).toContain("an ");
    expect(verbs(root)).toEqual(["join"]);
  });

  it("goes on from an init whose end it did not see, when others have joined it", async () => {
    const root = await lay({
      node: controlPlane,
      project: shared,
      world: running([], [FIRST, SECOND]),
      plans: { "kubeadm-init": ["cut-after"] },
    });
    expect((await powerOn(root)).code).toBeNull();
    writeFileSync(join(root, "world/api-servers"), "192.168.1.51\n");
    restart(root);
    expect((await powerOn(root)).code).toBe(0);
    expect(verbs(root)).not.toContain("reset");
    expect(existsSync(join(root, "var/lib/etcd/member"))).toBe(true);
  });
});
