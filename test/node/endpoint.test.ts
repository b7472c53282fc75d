// The endpoint program: who has the cluster's name, and what happens when an address changes.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type {
  Endpoint,
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  COMPLETE,
  layNode,
  runOnNode,
  describeNode,
} from "./fake-node.ts";

const project = (endpoint: Partial<Endpoint>): ResolvedProject => ({
  cluster: {
    ...sampleProject.cluster,
    endpoint: {
      ...sampleProject.cluster.endpoint,
      address: undefined,
      ...endpoint,
    },
  },
  nodes: [{ ...controlPlane, network: sampleNode.network }, sampleNode],
});
const dhcpControlPlane: ResolvedNode = {
  ...controlPlane,
  network: sampleNode.network,
};

const lay = (is: Partial<Circumstances>): Promise<string> =>
  layNode({
    project: project({}),
    node: sampleNode,
    ...is,
    files: { "etc/hosts": "127.0.0.1 localhost\n", ...is.files },
  });

const findEndpoint = (root: string) =>
  runOnNode(root, "usr/local/lib/pi-image/endpoint");

const hosts = (root: string): string =>
  readFileSync(join(root, "etc/hosts"), "utf8");

const withEndpoint = (address: string, name = "cplane"): string =>
  `127.0.0.1 localhost\n# >>> pi-image: the endpoint of the cluster\n${address} ${name}\n# <<< pi-image\n`;

describeNode("the endpoint's address", () => {
  it.each([
    [
      "the inventory",
      { project: project({ address: "192.168.1.40", virtual: true }) },
      "192.168.1.40",
    ],
    [
      "DNS, before mDNS is asked",
      { world: { dns: "cplane 192.168.1.44" } },
      "192.168.1.44",
    ],
    ["mDNS, where DNS has nothing", {}, "192.168.1.50"],
    [
      "DNS, where no systemd-resolved runs",
      {
        world: { dns: "cplane 192.168.1.44" },
        files: { "world/resolved": undefined },
      },
      "192.168.1.44",
    ],
    [
      "the control plane itself",
      { node: dhcpControlPlane, world: { mdns: "" } },
      "192.168.1.50",
    ],
  ] satisfies [string, Partial<Circumstances>, string][])(
    "comes from %s",
    async (_source, is, address) => {
      const root = await lay(is);
      expect(await findEndpoint(root)).toMatchObject({ code: 0 });
      expect(hosts(root)).toBe(withEndpoint(address));
    },
  );

  it("is its own on the first control plane while DNS does not have the name yet", async () => {
    const root = await lay({
      project: project({ host: "api.home" }),
      node: dhcpControlPlane,
    });
    expect(await findEndpoint(root)).toMatchObject({ code: 0 });
    expect(hosts(root)).toBe(withEndpoint("192.168.1.50", "api.home"));
  });

  it("is not known when nobody has it", async () => {
    const root = await lay({ world: { mdns: "" } });
    expect(await findEndpoint(root)).toMatchObject({ code: 1 });
    expect(hosts(root)).toBe("127.0.0.1 localhost\n");
  });

  it("replaces the old one when it changes, and the pods on the host's network learn of it", async () => {
    const root = await lay({
      files: {
        "etc/hosts": `${withEndpoint("192.168.1.40")}192.168.1.9 printer\n`,
      },
    });
    expect(await findEndpoint(root)).toEqual({
      code: 0,
      output:
        "<5>The endpoint of the cluster, cplane, is 192.168.1.50 now, no longer 192.168.1.40.\n",
    });
    expect(hosts(root)).toBe(
      withEndpoint("192.168.1.50").replace(
        "# >>>",
        "192.168.1.9 printer\n# >>>",
      ),
    );
    expect(calls(root, "crictl")).toEqual([
      "crictl ps --quiet --name kube-proxy|kube-flannel",
      "crictl stop 0a1b2c3d",
    ]);
  });

  it("stays while nobody has it for a moment, and is written once only", async () => {
    const root = await lay({});
    await findEndpoint(root);
    const first = hosts(root);
    writeFileSync(join(root, "world/mdns"), "");
    expect(await findEndpoint(root)).toEqual({ code: 0, output: "" });
    expect(hosts(root)).toBe(first);
  });
});

describeNode("an address that is not the API server's", () => {
  const joined = {
    "var/lib/pi-image/kubeadm-done": "",
    "etc/kubernetes/pki/ca.crt": "the authority\n",
    "etc/hosts": withEndpoint("192.168.1.40"),
  };
  const wildcard = "cplane 203.0.113.9";

  it("replaces no endpoint that works, though DNS answers every name with it", async () => {
    const root = await lay({
      installed: COMPLETE,
      world: { dns: wildcard, mdns: "", "api-servers": "192.168.1.40\n" },
      files: joined,
    });
    expect(await findEndpoint(root)).toMatchObject({ code: 0 });
    expect(hosts(root)).toBe(joined["etc/hosts"]);
  });

  it("gives way to the one that is, and replaces nothing while none answers", async () => {
    const root = await lay({
      installed: COMPLETE,
      world: { dns: wildcard },
      files: joined,
    });
    await findEndpoint(root);
    expect(hosts(root)).toBe(joined["etc/hosts"]);
    writeFileSync(join(root, "world/api-servers"), "192.168.1.50\n");
    await findEndpoint(root);
    expect(hosts(root)).toBe(withEndpoint("192.168.1.50"));
  });

  it("is left by a node that has not joined yet as soon as the API server answers elsewhere", async () => {
    const root = await lay({
      installed: COMPLETE,
      world: { dns: wildcard },
      files: { "etc/hosts": "" },
    });
    await findEndpoint(root);
    expect(hosts(root)).toContain("\n203.0.113.9 cplane\n");
    writeFileSync(join(root, "world/api-servers"), "192.168.1.50\n");
    await findEndpoint(root);
    expect(hosts(root)).toContain("\n192.168.1.50 cplane\n");
  });
});

describeNode("the node's own address under DHCP", () => {
  const flags = "var/lib/kubelet/kubeadm-flags.env";
  const joined = {
    "var/lib/pi-image/kubeadm-done": "",
    [flags]: 'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.7 --x=y"\n',
  };

  it("reaches the kubelet of a worker", async () => {
    const root = await lay({ files: joined });
    await findEndpoint(root);
    expect(readFileSync(join(root, flags), "utf8")).toBe(
      'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.61 --x=y"\n',
    );
    expect(calls(root, "systemctl")).toContain(
      "systemctl restart kubelet.service",
    );
    expect(calls(root, "kubeadm")).toEqual([]);
  });

  it("is not the virtual address of the cluster, which comes first after the link was lost", async () => {
    const root = await lay({
      project: project({ address: "192.168.1.40", virtual: true }),
      world: { address: "192.168.1.40\n192.168.1.61" },
      files: joined,
    });
    await findEndpoint(root);
    expect(readFileSync(join(root, flags), "utf8")).toContain(
      "--node-ip=192.168.1.61 ",
    );
  });

  it("reaches certificates, etcd and the API server of a control plane", async () => {
    const root = await lay({
      node: dhcpControlPlane,
      // Upgraded since its card was made.
      world: { kubernetes: "v1.38.1" },
      files: {
        ...joined,
        "etc/kubernetes/manifests/kube-apiserver.yaml":
          "- --advertise-address=192.168.1.7\n  host: 192.168.1.7\n",
        "etc/kubernetes/manifests/etcd.yaml":
          "- --listen-client-urls=https://127.0.0.1:2379,https://192.168.1.7:2379\n- --x=192.168.1.70\n",
        "etc/kubernetes/kubelet.conf": "server: https://192.168.1.7:6443\n",
        "etc/kubernetes/controller-manager.conf":
          "server: https://192.168.1.7:6443\n",
        "etc/kubernetes/scheduler.conf": "server: https://192.168.1.7:6443\n",
        "etc/kubernetes/pki/ca.key": "the authority's\n",
        "etc/kubernetes/pki/etcd/ca.key": "etcd's\n",
        "etc/kubernetes/pki/apiserver.crt": "old\n",
        "etc/kubernetes/pki/apiserver.key": "old\n",
      },
    });
    await findEndpoint(root);
    const read = (path: string) =>
      readFileSync(join(root, "etc/kubernetes", path), "utf8");
    expect({
      server: read("manifests/kube-apiserver.yaml"),
      etcd: read("manifests/etcd.yaml"),
      kubelet: read("kubelet.conf"),
      certificate: read("pki/apiserver.crt"),
    }).toEqual({
      server: "- --advertise-address=192.168.1.50\n  host: 192.168.1.50\n",
      etcd: "- --listen-client-urls=https://127.0.0.1:2379,https://192.168.1.50:2379\n- --x=192.168.1.70\n",
      kubelet: "server: https://192.168.1.50:6443\n",
      certificate: "for 192.168.1.50\n",
    });
    expect(
      readdirSync(join(root, "etc/kubernetes/pki")).filter((name) =>
        name.startsWith("."),
      ),
    ).toEqual([]);
    expect(
      calls(root, "kubeadm").map((call) => call.replace(/ --.*/, "")),
    ).toEqual([
      "kubeadm version -o short",
      "kubeadm init phase certs apiserver",
      "kubeadm init phase certs etcd-server",
      "kubeadm init phase certs etcd-peer",
    ]);
  });

  it.each([
    ["that the network has", "192.168.1.50", "192.168.1.50"],
    ["that the network does not have yet", "192.168.1.7", "192.168.1.7"],
  ])("follows a new fixed one %s", async (_, has, follows) => {
    const root = await lay({
      project: sampleProject,
      node: controlPlane,
      world: { address: has },
      files: {
        ...joined,
        "etc/kubernetes/manifests/kube-apiserver.yaml":
          "- --advertise-address=192.168.1.7\n",
        "etc/kubernetes/manifests/etcd.yaml":
          "- --x=https://192.168.1.7:2379\n",
        "etc/kubernetes/pki/ca.key": "the authority's\n",
        "etc/kubernetes/pki/etcd/ca.key": "etcd's\n",
        "etc/kubernetes/kubelet.conf": "",
        "etc/kubernetes/controller-manager.conf": "",
        "etc/kubernetes/scheduler.conf": "",
      },
    });
    await findEndpoint(root);
    expect(readFileSync(join(root, flags), "utf8")).toContain(
      `--node-ip=${follows} `,
    );
    expect(
      readFileSync(
        join(root, "etc/kubernetes/manifests/kube-apiserver.yaml"),
        "utf8",
      ),
    ).toBe(`- --advertise-address=${follows}\n`);
    // For etcd, when it runs again.
    expect(existsSync(join(root, "var/lib/pi-image/peer-address"))).toBe(
      follows === "192.168.1.50",
    );
  });

  it("leaves everything as it was where the new certificates cannot be made, and says so until they are", async () => {
    const old: Readonly<Record<string, string>> = {
      "manifests/kube-apiserver.yaml": "- --advertise-address=192.168.1.7\n",
      "manifests/etcd.yaml": "- --x=https://192.168.1.7:2379\n",
      "kubelet.conf": "server: https://192.168.1.7:6443\n",
      "controller-manager.conf": "server: https://192.168.1.7:6443\n",
      "scheduler.conf": "server: https://192.168.1.7:6443\n",
      "pki/apiserver.crt": "old\n",
      "pki/apiserver.key": "old\n",
      "pki/etcd/server.crt": "old\n",
      "pki/ca.key": "the authority's\n",
      "pki/etcd/ca.key": "etcd's\n",
    };
    const root = await lay({
      node: dhcpControlPlane,
      plans: { "kubeadm-certs": ["ok", "fail", "ok", "fail"] },
      says: {
        "kubeadm-certs":
          "error: failed to write certificate: no space left on device\n",
      },
      files: {
        ...joined,
        "var/lib/pi-image/status.json":
          '{"schemaVersion":1,"state":"done","message":"cplane is \\"up\\"."}\n',
        ...Object.fromEntries(
          Object.entries(old).map(([path, text]) => [
            `etc/kubernetes/${path}`,
            text,
          ]),
        ),
      },
    });
    const now = () =>
      Object.fromEntries(
        Object.keys(old).map((path) => [
          path,
          readFileSync(join(root, "etc/kubernetes", path), "utf8"),
        ]),
      );
    const status = (): unknown =>
      JSON.parse(
        readFileSync(join(root, "var/lib/pi-image/status.json"), "utf8"),
      );
    const said =
      "Kubernetes on this node still has the address 192.168.1.7, not 192.168.1.50: the root partition is full; free space on it or use a larger card. It is tried again every two minutes.";
    for (const run of ["first", "second"]) {
      // Not 1, which the unit takes for success: while the cluster is being made, nobody has the endpoint's address.
      expect(await findEndpoint(root), run).toMatchObject({ code: 2 });
      expect(now()).toEqual(old);
      expect(readFileSync(join(root, flags), "utf8")).toContain("192.168.1.7 ");
      expect(status()).toEqual({
        schemaVersion: 1,
        state: "done",
        message: 'cplane is "up".',
        notes: { address: said },
      });
    }
    expect(
      readFileSync(join(root, "dev/tty1"), "utf8").split(said),
    ).toHaveLength(2);
    expect(await findEndpoint(root)).toMatchObject({ code: 0 });
    expect(now()).toMatchObject({
      "pki/apiserver.key": "for 192.168.1.50\n",
      "manifests/etcd.yaml": "- --x=https://192.168.1.50:2379\n",
    });
    expect(status()).toEqual({
      schemaVersion: 1,
      state: "done",
      message: 'cplane is "up".',
    });
  });

  it("is left alone while kubeadm is at work", async () => {
    const root = await lay({
      files: { ...joined, "var/lib/pi-image/kubeadm-done": undefined },
    });
    await findEndpoint(root);
    expect(readFileSync(join(root, flags), "utf8")).toContain("192.168.1.7 ");
  });
});
