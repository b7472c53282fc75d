// A node of a cluster of both families or of IPv6 alone: which addresses it takes, what it waits for, and where they arrive.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { dualStack, onlyIpv6 } from "../kubernetes/project.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  layNode,
  powerOn,
  runOnNode,
  screen,
  status,
} from "./fake-node.ts";
import { lay } from "./kubeadm-phase.ts";
import { runPhases } from "./phase.ts";

const ranges = ({ cluster }: ResolvedProject) => ({
  podSubnet: cluster.podSubnet,
  serviceSubnet: cluster.serviceSubnet,
});

/** Without fixed addresses, and without an address of the endpoint. */
const dynamic = (project: ResolvedProject): ResolvedProject => ({
  cluster: {
    ...sampleProject.cluster,
    ...ranges(project),
    endpoint: { ...sampleProject.cluster.endpoint, address: undefined },
  },
  nodes: [{ ...controlPlane, network: sampleNode.network }, sampleNode],
});
const both = dynamic(dualStack);
const six = dynamic(onlyIpv6);
const plane = both.nodes[0] ?? sampleNode;

const GLOBAL = "scope global dynamic mngtmpaddr";

describeNode("the network of a node with both families", () => {
  const bringUp = (is: Partial<Circumstances>) =>
    runPhases(["10-clock", "20-network"], { project: both, ...is });
  const said = (root: string) =>
    screen(root).filter((line) => line.startsWith("network: "));

  it("waits for a router that gives an address", async () => {
    const root = await bringUp({
      after: { 2: `echo 'fd00::61/64 ${GLOBAL}' >world/address6` },
    });
    expect(said(root).slice(0, 2)).toEqual([
      "network: No router on eth0 gives an IPv6 address. Switch IPv6 on in the router, or give this node a fixed address in cluster.yaml.",
      "network: eth0 has the addresses 192.168.1.61 and fd00::61.",
    ]);
  });

  it("says which fixed address another machine has", async () => {
    const root = await bringUp({
      project: dualStack,
      node: dualStack.nodes[2] ?? sampleNode,
      world: {
        address: "192.168.1.52",
        address6: "fd00::52/64 scope global dadfailed tentative",
      },
      after: { 2: "echo 'fd00::52/64 scope global' >world/address6" },
    });
    expect(said(root)[0]).toBe(
      "network: eth0 cannot use its address fd00::52: another machine on this network has it.",
    );
  });

  it("waits for a fixed address that is being tried", async () => {
    const root = await bringUp({
      project: dualStack,
      node: dualStack.nodes[2] ?? sampleNode,
      world: {
        address: "192.168.1.52",
        address6: "fd00::52/64 scope global tentative",
      },
      after: { 2: "echo 'fd00::52/64 scope global' >world/address6" },
    });
    expect(said(root)[0]).toBe(
      "network: eth0 does not have its address fd00::52 yet; the system has not set it.",
    );
  });

  it("has a way out by either family", async () => {
    const root = await bringUp({
      project: six,
      world: {
        address: "",
        address6: `fd00::61/64 ${GLOBAL}`,
        route: "",
        route6: "default via fe80::1",
      },
    });
    expect(said(root)[0]).toBe("network: eth0 has the address fd00::61.");
  });

  it.each([
    ["podSubnet", "10.244.0.0/16,fd00::/48", "fd00:0:0:1::61/64", "fd00::/48"],
    [
      "serviceSubnet",
      "10.96.0.0/12,fd00:0:0:1:8000::/108",
      "fd00:0:0:1::61/64",
      "fd00:0:0:1:8000::/108",
    ],
  ] as const)(
    "says that the IPv6 network overlaps %s",
    async (key, value, address, range) => {
      const root = await bringUp({
        project: { ...both, cluster: { ...both.cluster, [key]: value } },
        world: { address6: `${address} ${GLOBAL}` },
      });
      expect(status(root)).toMatchObject({
        state: "done",
        notes: {
          ranges: `The network here (${address}) overlaps ${key} (${range}): pods will not reach it. Change ${key} in cluster.yaml and make the cluster anew, or the router's range.`,
        },
      });
    },
  );

  it("finds no overlap in ranges beside its networks", async () => {
    const root = await bringUp({
      world: { address6: `fd00:10:243::61/64 ${GLOBAL}` },
    });
    expect(status(root)).not.toHaveProperty("notes.ranges");
  });
});

describeNode("kubeadm's document on a node without fixed addresses", () => {
  const documentOf = async (project: ResolvedProject, address6: string) => {
    const root = await lay({
      project,
      node: plane,
      world: { address6, ...(project === six ? { address: "" } : {}) },
      plans: { "kubeadm-init": ["cut"] },
    });
    await powerOn(root);
    return parse(
      readFileSync(join(root, "run/pi-image/kubeadm.yaml"), "utf8").split(
        "\n---\n",
      )[0] ?? "",
    ) as {
      nodeRegistration: { kubeletExtraArgs: { name: string; value: string }[] };
      localAPIEndpoint: { advertiseAddress: string };
    };
  };

  it.each([
    ["both families", both, "192.168.1.50,fd00::a:0", "192.168.1.50"],
    ["IPv6 alone", six, "fd00::a:0", "fd00::a:0"],
  ] as const)("gets its addresses with %s", async (_, project, all, main) => {
    const made = await documentOf(
      project,
      `2001:db8::5/64 ${GLOBAL}\nfd00::99/64 scope global temporary dynamic\nfd00::a:0/64 ${GLOBAL}`,
    );
    expect(made.nodeRegistration.kubeletExtraArgs).toContainEqual({
      name: "node-ip",
      value: all,
    });
    expect(made.localAPIEndpoint.advertiseAddress).toBe(main);
  });
});

describeNode("the endpoint with IPv6", () => {
  const find = async (is: Partial<Circumstances>) => {
    const root = await layNode({
      project: six,
      node: sampleNode,
      ...is,
      files: { "etc/hosts": "127.0.0.1 localhost\n", ...is.files },
    });
    const end = await runOnNode(root, "usr/local/lib/pi-image/endpoint");
    return { root, ...end };
  };
  const hosts = (root: string) => readFileSync(join(root, "etc/hosts"), "utf8");

  it.each([
    ["DNS", { dns6: "cplane 2001:db8::44" }, "2001:db8::44"],
    ["mDNS", { mdns6: "cplane.local fd00::50" }, "fd00::50"],
    [
      "the own network, before the provider's and never the link's",
      {
        dns6: "cplane fe80::50%2\ncplane 2001:db8::50\ncplane fd00::50",
      },
      "fd00::50",
    ],
  ])("is found by %s", async (_title, world, address) => {
    const { root } = await find({ world: { mdns: "", ...world } });
    expect(hosts(root)).toContain(`\n${address} cplane\n`);
  });

  it("is asked for in the main family first", async () => {
    const { root } = await find({
      project: both,
      world: { mdns6: "cplane.local fd00::50" },
    });
    expect(hosts(root)).toContain("\n192.168.1.50 cplane\n");
  });

  it("is proven by an address in brackets", async () => {
    const { root } = await find({
      files: {
        "etc/hosts":
          "# >>> pi-image: the endpoint of the cluster\nfd00::40 cplane\n# <<< pi-image\n",
        "etc/kubernetes/pki/ca.crt": "the authority\n",
        "var/lib/pi-image/kubeadm-done": "",
      },
      installed: ["kubectl"],
      world: {
        mdns: "",
        dns6: "cplane fd00::41",
        "api-servers": "[fd00::41]\n",
      },
    });
    expect(hosts(root)).toContain("\nfd00::41 cplane\n");
    expect(calls(root, "kubectl").join("\n")).toContain(
      "--server https://[fd00::41]:6443",
    );
  });
});

describeNode("the node's own addresses when they change", () => {
  const flags = "var/lib/kubelet/kubeadm-flags.env";
  const follow = async (
    is: Partial<Circumstances> & { readonly before: string },
  ) => {
    const root = await layNode({
      project: both,
      node: sampleNode,
      ...is,
      files: {
        "etc/hosts": "",
        "var/lib/pi-image/kubeadm-done": "",
        [flags]: `KUBELET_KUBEADM_ARGS="--node-ip=${is.before} --x=y"\n`,
        ...is.files,
      },
    });
    await runOnNode(root, "usr/local/lib/pi-image/endpoint");
    return { root, written: readFileSync(join(root, flags), "utf8") };
  };

  it("reach the kubelet", async () => {
    const { written } = await follow({
      before: "192.168.1.61,fd00::7",
      world: { address6: `fd00::61/64 ${GLOBAL}` },
    });
    expect(written).toContain('"--node-ip=192.168.1.61,fd00::61 --x=y"');
  });

  it("stay while one family is away", async () => {
    const { root, written } = await follow({ before: "192.168.1.7,fd00::7" });
    expect(written).toContain('"--node-ip=192.168.1.7,fd00::7 --x=y"');
    expect(calls(root, "systemctl")).not.toContain(
      "systemctl restart kubelet.service",
    );
  });

  it("change a control plane's files by the whole address only", async () => {
    const { root } = await follow({
      before: "fd00::7",
      project: six,
      node: plane,
      world: { address: "", address6: `fd00::50/64 ${GLOBAL}` },
      files: {
        "etc/kubernetes/manifests/kube-apiserver.yaml":
          "- --advertise-address=fd00::7\n- --service-cluster-ip-range=fd00::7:0/112\n  host: fd00::7\n",
        "etc/kubernetes/manifests/etcd.yaml":
          "- --listen-peer-urls=https://[fd00::7]:2380\n",
        "etc/kubernetes/kubelet.conf": "server: https://[fd00::7]:6443\n",
        "etc/kubernetes/controller-manager.conf": "",
        "etc/kubernetes/scheduler.conf": "",
        "etc/kubernetes/pki/ca.key": "the authority's\n",
        "etc/kubernetes/pki/etcd/ca.key": "etcd's\n",
      },
    });
    const read = (path: string) =>
      readFileSync(join(root, "etc/kubernetes", path), "utf8");
    expect(read("manifests/kube-apiserver.yaml")).toBe(
      "- --advertise-address=fd00::50\n- --service-cluster-ip-range=fd00::7:0/112\n  host: fd00::50\n",
    );
    expect(read("manifests/etcd.yaml")).toBe(
      "- --listen-peer-urls=https://[fd00::50]:2380\n",
    );
    expect(read("kubelet.conf")).toBe("server: https://[fd00::50]:6443\n");
  });
});

describeWithTools(
  ["ip", "unshare"],
  "the kernel's own list of addresses",
  () => {
    const takenOf = async (project: ResolvedProject, commands: string) => {
      const root = await layNode({ project, node: sampleNode });
      const { stdout, stderr } = spawnSync(
        "unshare",
        [
          "--net",
          "bash",
          "--norc",
          "-ec",
          `sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up
${commands}
. "$0/usr/local/lib/pi-image/lib.sh"; uplink_addresses`,
          root,
        ],
        {
          encoding: "utf8",
          env: { PATH: process.env["PATH"], PI_IMAGE_ROOT: root },
        },
      );
      expect(stderr).toBe("");
      return stdout.trim();
    };

    it.skipIf(process.getuid?.() !== 0)(
      "is read as it is written",
      async () => {
        expect(
          await takenOf(
            both,
            `ip addr add 192.168.1.61/24 dev eth0
ip addr add 2001:db8::5/64 dev eth0 nodad
ip addr add fd00::9/64 dev eth0 nodad preferred_lft 0
ip addr add fd00:0::61/64 dev eth0 nodad
ip addr add 2001:db8::6/64 dev eth0 nodad`,
          ),
        ).toBe("192.168.1.61,fd00::61");
        // The link's own address is none.
        expect(
          await takenOf(both, "ip addr add 192.168.1.61/24 dev eth0"),
        ).toBe("");
        expect(
          await takenOf(six, "ip addr add 2001:db8::5/64 dev eth0 nodad"),
        ).toBe("2001:db8::5");
      },
    );
  },
);
