// One of several control planes that begins in another network: its own files follow, at whichever moment the power goes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { certificatesDocument } from "../../src/kubernetes/certificates-document.ts";
import { kubeVipManifest } from "../../src/kubernetes/kube-vip.ts";
import { staticNetwork } from "../seed/sample-project.ts";
import {
  calls,
  describeNode,
  layNode,
  restart,
  runOnNode,
  status,
} from "./fake-node.ts";
import { second, shared } from "./kubeadm-phase.ts";

const moved: ResolvedNode = {
  ...second,
  network: staticNetwork("10.0.0.51/24"),
};
const PROJECT: ResolvedProject = {
  cluster: {
    ...shared.cluster,
    endpoint: { ...shared.cluster.endpoint, address: "10.0.0.40" },
  },
  nodes: shared.nodes.map((node) =>
    node.name === second.name
      ? moved
      : node.name.startsWith("cplane")
        ? {
            ...node,
            network: staticNetwork(
              node.name === "cplane" ? "10.0.0.50/24" : "10.0.0.52/24",
            ),
          }
        : node,
  ),
};

const FOLLOWS = {
  "etc/kubernetes/manifests/kube-apiserver.yaml":
    "- --advertise-address=192.168.1.51\n",
  // Of the others' addresses kubeadm has the old ones there for ever; etcd reads them only when it has no data.
  "etc/kubernetes/manifests/etcd.yaml":
    "- --listen-peer-urls=https://192.168.1.51:2380\n- --initial-cluster=cplane=https://192.168.1.50:2380,cplane2=https://192.168.1.51:2380\n",
  "etc/kubernetes/manifests/kube-vip.yaml":
    kubeVipManifest(shared, second, "admin.conf") ?? "",
  "etc/kubernetes/kubelet.conf": "server: https://192.168.1.51:6443\n",
  "etc/kubernetes/controller-manager.conf":
    "server: https://192.168.1.51:6443\n",
  "etc/kubernetes/scheduler.conf": "server: https://192.168.1.51:6443\n",
  "var/lib/kubelet/kubeadm-flags.env":
    'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.51"\n',
} as const;
const NAMES = Object.keys(FOLLOWS);

const CERTIFICATES = ["apiserver", "etcd/server", "etcd/peer"].flatMap((name) =>
  ["crt", "key"].map((kind) => `etc/kubernetes/pki/${name}.${kind}`),
);

const lay = (): Promise<string> =>
  layNode({
    project: PROJECT,
    node: moved,
    world: { address: "10.0.0.51" },
    plans: { sync: ["ok"] },
    files: {
      ...FOLLOWS,
      ...Object.fromEntries(CERTIFICATES.map((path) => [path, "old\n"])),
      "etc/hosts": "127.0.0.1 localhost\n",
      "etc/kubernetes/pki/ca.key": "the authority's\n",
      "etc/kubernetes/pki/etcd/ca.key": "etcd's\n",
      "var/lib/pi-image/kubeadm-done": "",
      "var/lib/pi-image/status.json":
        '{"schemaVersion":1,"state":"done","message":"up"}\n',
      "var/lib/pi-image/kubeadm-certificates.yaml": certificatesDocument(
        PROJECT,
        moved,
      ),
    },
  });

const findEndpoint = (root: string) =>
  runOnNode(root, "usr/local/lib/pi-image/endpoint");

const read = (root: string, path: string): string =>
  readFileSync(join(root, path), "utf8");

const peerAddress = (root: string): string | undefined =>
  existsSync(join(root, "var/lib/pi-image/peer-address"))
    ? read(root, "var/lib/pi-image/peer-address")
    : undefined;

const expectFollowed = (root: string): void => {
  for (const path of NAMES) {
    const text = FOLLOWS[path as keyof typeof FOLLOWS];
    expect(read(root, path), path).toBe(
      text
        .replaceAll("192.168.1.51", "10.0.0.51")
        .replaceAll("192.168.1.40", "10.0.0.40"),
    );
  }
  for (const path of CERTIFICATES) {
    expect(read(root, path), path).toBe("for 10.0.0.51\n");
  }
};

describeNode("one of several control planes in another network", () => {
  it("follows whole, cut at every write that lasts", async () => {
    const root = await lay();
    let cuts = 0;
    for (;;) {
      writeFileSync(
        join(root, "world/plans/sync"),
        `${"ok\n".repeat(cuts)}cut\n`,
      );
      const { code, output } = await findEndpoint(root);
      if (code !== null) {
        expect(code, output).toBe(0);
        break;
      }
      cuts += 1;
      restart(root);
    }
    expect(cuts).toBeGreaterThan(NAMES.length);
    expectFollowed(root);
    expect(peerAddress(root)).toBe("10.0.0.51\n");
    expect(read(root, "etc/hosts")).toContain("\n10.0.0.40 api.home\n");
  });

  it("says what etcd waits for until a majority runs, and tells it once", async () => {
    const root = await lay();
    await findEndpoint(root);
    expectFollowed(root);
    await findEndpoint(root);
    const waits =
      "etcd on this node has its new address and waits for a majority of the control planes: switch cplane (10.0.0.50) and cplane3 (10.0.0.52) on. One that does not come up is flashed anew when the others run.";
    expect(status(root)).toMatchObject({ notes: { etcd: waits } });
    expect(read(root, "dev/tty1").split(waits)).toHaveLength(2);
    writeFileSync(join(root, "world/etcd"), "10.0.0.51\n");
    writeFileSync(
      join(root, "world/members"),
      '{"ID":"1","name":"cplane2","peerURLs":["https://192.168.1.51:2380","https://10.0.0.51:2380"]}\n',
    );
    await findEndpoint(root);
    expect(status(root)["notes"]).toBeUndefined();
    expect(peerAddress(root)).toBeUndefined();
    const updates = () =>
      calls(root, "curl").filter((call) => call.includes("member/update"));
    expect(updates()).toHaveLength(1);
    expect(updates()[0]).toContain(
      '{"ID":"1","peerURLs":["https://10.0.0.51:2380"]}',
    );
    await findEndpoint(root);
    expect(updates()).toHaveLength(1);
  });
});
