// The network plug-ins' manifests filled for a cluster; kubectl is the judge of what comes out.
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { fillCalico } from "../../src/supplies/fill-calico.ts";
import { fillFlannel } from "../../src/supplies/fill-flannel.ts";
import type {
  NodeNetwork,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { outcomeOf } from "../base/base-options.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import { describeWithTools } from "../support/tools.ts";
import { CALICO, FLANNEL } from "./manifests.ts";

const projectWith = (
  cluster: Partial<ResolvedProject["cluster"]>,
  ...uplinks: readonly NodeNetwork["uplink"][]
): ResolvedProject => ({
  cluster: { ...sampleProject.cluster, ...cluster },
  nodes: uplinks.map((uplink, index) => ({
    ...(index === 0 ? controlPlane : sampleNode),
    name: `node${index}`,
    network: { ...sampleNode.network, uplink },
  })),
});

/** The documents as kubectl reads them, with YAML 1.1's words for true and false. */
const objectsIn = (text: string): unknown[] =>
  parseAllDocuments(text, { version: "1.1" }).map((document): unknown =>
    document.toJS(),
  );

const outcome = (work: () => string): Promise<string> =>
  outcomeOf(
    (async () => {
      work();
    })(),
  );

describe("flannel", () => {
  const fill = (project: ResolvedProject, text = FLANNEL) =>
    fillFlannel(text, "flannel v1", project);

  it("gets the pod subnet and the interface, and nothing else changes", () => {
    const filled = fill(
      projectWith({ podSubnet: "10.7.0.0/16" }, "eth0", "eth0"),
    );
    const before = objectsIn(FLANNEL);
    const after = objectsIn(filled);
    expect(after[0]).toEqual(before[0]);
    expect(filled).toContain(
      `labels: {"on": 'yes', level: privileged}   # stays`,
    );
    expect(after[1]).toMatchObject({
      data: { "cni-conf.json": '{"name": "cbr0"}\n' },
    });
    const { data } = after[1] as { data: Record<string, string> };
    expect(JSON.parse(data["net-conf.json"] ?? "")).toEqual({
      Network: "10.7.0.0/16",
      EnableNFTables: false,
      Backend: { Type: "vxlan" },
    });
    expect(
      objectsIn(filled.replace("            - --iface=eth0\n", ""))[2],
    ).toEqual(before[2]);
  });

  it.each([
    [
      "10.7.0.0/16,fd00:7::/56",
      {
        Network: "10.7.0.0/16",
        EnableIPv6: true,
        IPv6Network: "fd00:7::/56",
      },
    ],
    [
      "fd00:7::/56",
      {
        Network: "10.244.0.0/16",
        EnableIPv4: false,
        EnableIPv6: true,
        IPv6Network: "fd00:7::/56",
      },
    ],
  ])("gets the families of %s", (podSubnet, expected) => {
    const filled = fill(projectWith({ podSubnet }, "eth0"));
    const { data } = objectsIn(filled)[1] as { data: Record<string, string> };
    expect(JSON.parse(data["net-conf.json"] ?? "")).toEqual({
      ...expected,
      EnableNFTables: false,
      Backend: { Type: "vxlan" },
    });
    expect(filled.match(/--iface=.*/g)).toEqual(["--iface=eth0"]);
  });

  it("takes the Wi-Fi where all nodes use it", () => {
    const filled = fill(projectWith({}, "wlan0", "wlan0"));
    expect(filled.match(/--iface=.*/g)).toEqual(["--iface=wlan0"]);
  });

  it.each([
    ["with both networks in use", projectWith({}, "eth0", "wlan0")],
    [
      "with a virtual address, which is an address of the interface too",
      projectWith(
        {
          endpoint: {
            host: "api",
            port: 6443,
            address: "192.168.1.40",
            virtual: true,
          },
        },
        "eth0",
      ),
    ],
  ])("takes each node's own address %s", (_title, project) => {
    const filled = fill(project);
    expect(filled.match(/--iface=.*/g)).toEqual([
      "--iface=$(PI_IMAGE_NODE_ADDRESS)",
    ]);
    expect(filled).toMatch(
      /name: PI_IMAGE_NODE_ADDRESS\s+valueFrom:\s+fieldRef:\s+fieldPath: status.hostIP/,
    );
  });

  it.each([
    [
      "the ConfigMap kube-flannel-cfg",
      FLANNEL.replace("kube-flannel-cfg", "other"),
    ],
    [
      "Network in net-conf.json",
      FLANNEL.replace('"Network"', '"ClusterNetwork"'),
    ],
    ["Network in net-conf.json", FLANNEL.replace("net-conf.json", "net.json")],
    [
      "the container kube-flannel",
      FLANNEL.replace("- name: kube-flannel\n", "- name: flanneld\n"),
    ],
    [
      "the list args of the container kube-flannel",
      FLANNEL.replace("args:", "arguments:"),
    ],
  ])("without %s is refused", async (place, text) => {
    expect(await outcome(() => fill(projectWith({}, "eth0"), text))).toBe(
      `MANIFEST_WRONG 2: the manifest of flannel v1 has no place for the cluster's settings: ${place} is missing`,
    );
  });
});

describe("calico", () => {
  const fill = (text = CALICO, podSubnet = "10.7.0.0/16") =>
    fillCalico(text, "calico v2", projectWith({ podSubnet }, "eth0"));

  const variables = (text: string) =>
    (
      objectsIn(text)[2] as {
        spec: {
          template: {
            spec: { containers: { env: { name: string; value?: string }[] }[] };
          };
        };
      }
    ).spec.template.spec.containers[0]?.env;

  it("gets the pod subnet and finds its address by the node's", () => {
    expect(variables(fill())).toEqual([
      ...(variables(CALICO) ?? []),
      { name: "CALICO_IPV4POOL_CIDR", value: "10.7.0.0/16" },
      { name: "IP_AUTODETECTION_METHOD", value: "kubernetes-internal-ip" },
    ]);
  });

  const IPV6 = [
    { name: "IP6", value: "autodetect" },
    { name: "IP6_AUTODETECTION_METHOD", value: "kubernetes-internal-ip" },
    { name: "CALICO_IPV6POOL_CIDR", value: "fd00:7::/56" },
    { name: "CALICO_IPV6POOL_NAT_OUTGOING", value: "true" },
    { name: "FELIX_IPV6SUPPORT", value: "true" },
  ];

  it.each([
    [
      "fd00:7::/56,10.7.0.0/16",
      "true",
      [
        { name: "CALICO_IPV4POOL_CIDR", value: "10.7.0.0/16" },
        { name: "IP_AUTODETECTION_METHOD", value: "kubernetes-internal-ip" },
      ],
    ],
    [
      "fd00:7::/56",
      "false",
      [
        { name: "IP", value: "none" },
        { name: "CALICO_IPV4POOL_CIDR", value: "none" },
        { name: "CALICO_ROUTER_ID", value: "hash" },
      ],
    ],
  ])("gets the families of %s", (podSubnet, four, added) => {
    const filled = fill(CALICO, podSubnet);
    expect(variables(filled)).toEqual([
      ...(variables(CALICO) ?? []),
      ...added,
      ...IPV6,
    ]);
    const { data } = objectsIn(filled)[1] as { data: Record<string, string> };
    const config = JSON.parse(
      (data["cni_network_config"] ?? "").replace("__CNI_MTU__", "1500"),
    ) as unknown;
    expect(config).toMatchObject({
      plugins: [
        {
          ipam: {
            type: "calico-ipam",
            assign_ipv4: four,
            assign_ipv6: "true",
          },
        },
      ],
    });
  });

  it("without a place for IPv6 is refused where that is asked for", async () => {
    const text = CALICO.replace("calico-ipam", "host-local");
    expect(() => fill(text)).not.toThrow();
    expect(await outcome(() => fill(text, "fd00:7::/56"))).toContain(
      "calico-ipam in cni_network_config is missing",
    );
  });

  it("has the pod subnet once where its authors have set one", () => {
    const text = CALICO.replace(/# (- name: CALICO.*\n\s*)# /, "$1");
    expect(variables(text)?.[1]?.value).toBe("192.168.0.0/16");
    expect(
      variables(fill(text))?.filter(
        ({ name }) => name === "CALICO_IPV4POOL_CIDR",
      ),
    ).toEqual([{ name: "CALICO_IPV4POOL_CIDR", value: "10.7.0.0/16" }]);
  });

  it("without the node's name in its environment is refused", async () => {
    expect(
      await outcome(() => fill(CALICO.replace("NODENAME", "HOST"))),
    ).toContain("the variable NODENAME is missing");
  });
});

describeWithTools(["kubectl"], "kubectl", () => {
  /** The names of all objects, as kubectl reads the file. */
  const read = async (text: string) =>
    (
      await runTool(
        "kubectl",
        [
          "label",
          "--local",
          "--filename=-",
          "--output=name",
          "a=b",
          "--kubeconfig=/dev/null",
        ],
        { input: text },
      )
    ).stdout
      .trim()
      .split("\n");

  it("reads what was filled", async () => {
    const project = projectWith({}, "eth0", "wlan0");
    expect(await read(fillFlannel(FLANNEL, "flannel", project))).toEqual([
      "namespace/kube-flannel",
      "configmap/kube-flannel-cfg",
      "daemonset.apps/kube-flannel-ds",
    ]);
    expect(await read(fillCalico(CALICO, "calico", project))).toEqual([
      "serviceaccount/calico-node",
      "configmap/calico-config",
      "daemonset.apps/calico-node",
    ]);
    // The judge can refuse.
    await expect(read("metadata: {name: a}\n")).rejects.toThrow(
      "kubectl ended with status 1",
    );
  });
});
