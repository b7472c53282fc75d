// What an inventory becomes: every default, the endpoint, and the settings of the cluster.
import { describe, expect, it } from "vitest";
import { completeHardware } from "../../src/inventory/boards/hardware.ts";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import { KEY, resolved, project, PLANE, FIXED } from "./resolved-text.ts";

const plane = (number: number) =>
  `name: cp${number}, role: control-plane, address: 192.168.1.5${number}/24, gateway: 192.168.1.1`;

describe("an inventory that says almost nothing", () => {
  it("gets every default", () => {
    expect(project({ nodes: [PLANE] })).toEqual({
      cluster: {
        name: "homelab",
        kubernetes: { minor: "1.36", patch: "1.36.5" },
        upstream: { kubelet: {}, apiServerArgs: [] },
        endpoint: {
          host: "cplane",
          port: 6443,
          address: undefined,
          virtual: false,
        },
        podSubnet: "10.244.0.0/16",
        serviceSubnet: "10.96.0.0/12",
        dnsDomain: "cluster.local",
        cni: "flannel",
        runtime: "containerd",
        join: { by: "certificate", days: 30, tokenHours: 24 },
        hardening: {
          encryptSecrets: undefined,
          auditLog: undefined,
          podSecurity: undefined,
          podSecurityExempt: [],
          seccompDefault: undefined,
          anonymousAccess: undefined,
        },
        offline: false,
        bundle: false,
        mirrors: {
          kubernetesPackages: undefined,
          kubernetesKey: undefined,
          kubernetesImages: undefined,
          registries: [],
          ubuntu: undefined,
          manifests: undefined,
          baseImages: [],
        },
        addons: [],
      },
      nodes: [
        {
          name: "cplane",
          role: "control-plane",
          board: "pi5",
          base: "ubuntu-24.04",
          storage: "sd",
          dataMount: undefined,
          keepCard: false,
          pcieGen: 2,
          eeprom: "auto",
          eepromImage: undefined,
          hardware: completeHardware({}),
          config: [],
          timezone: "Etc/UTC",
          locale: "C.UTF-8",
          users: [
            { name: "ana", sshKeys: [KEY], sudo: true, shell: "/bin/bash" },
          ],
          network: {
            uplink: "eth0",
            addressing: { method: "dhcp" },
            ipv6: "base",
            wifi: [],
          },
          host: resolveHost({}, {}),
          joins: true,
          reserved: undefined,
          serves: undefined,
          exports: undefined,
          eepromDate: undefined,
          cardSerial: undefined,
          mac: undefined,
        },
      ],
    });
  });
});

describe("the endpoint", () => {
  const node = (address: string | undefined) => ({
    host: "cplane",
    port: 6443,
    address,
    virtual: false,
  });
  const virtual = (host: string) => ({
    host,
    port: 6443,
    address: "192.168.1.40",
    virtual: true,
  });
  const VIRTUAL = "virtualAddress: 192.168.1.40";
  const THREE = [plane(1), plane(2), plane(3)];

  it.each([
    ["the default", "", [FIXED], node("192.168.1.50")],
    ["a node with DHCP", "endpoint: cplane", [PLANE], node(undefined)],
    [
      "a node with an address",
      "endpoint: cplane",
      [FIXED],
      node("192.168.1.50"),
    ],
    [
      "a node's address",
      "endpoint: 192.168.1.50",
      [FIXED],
      node("192.168.1.50"),
    ],
    [
      "a node's mDNS name",
      "endpoint: cplane.local",
      [PLANE],
      { ...node(undefined), host: "cplane.local" },
    ],
    [
      "a DNS name",
      "endpoint: api.home.arpa",
      [FIXED],
      { ...node(undefined), host: "api.home.arpa" },
    ],
    ["the virtual address by default", VIRTUAL, THREE, virtual("homelab-api")],
    [
      "the virtual address of one control plane",
      VIRTUAL,
      [FIXED],
      virtual("homelab-api"),
    ],
    [
      "the virtual address itself",
      `${VIRTUAL}, endpoint: 192.168.1.40`,
      THREE,
      virtual("homelab-api"),
    ],
    [
      "the virtual address's own name",
      `${VIRTUAL}, endpoint: homelab-api`,
      THREE,
      virtual("homelab-api"),
    ],
    [
      "a DNS name of the virtual address",
      `${VIRTUAL}, endpoint: api.home.arpa`,
      THREE,
      virtual("api.home.arpa"),
    ],
  ])("is %s", (_, cluster, nodes, expected) => {
    expect(project({ cluster, nodes }).cluster.endpoint).toEqual(expected);
  });
});

describe("a cluster", () => {
  it.each([
    ['kubernetes: "1.35"', { minor: "1.35", patch: "1.35.9" }],
    ['kubernetes: "1.37"', { minor: "1.37", patch: "1.37.1" }],
    ['kubernetes: "1.36.2"', { minor: "1.36", patch: "1.36.2" }],
    ["kubernetes: 1.36.2", { minor: "1.36", patch: "1.36.2" }],
  ])("installs %s", (cluster, expected) => {
    expect(project({ cluster, nodes: [PLANE] }).cluster.kubernetes).toEqual(
      expected,
    );
  });

  it.each([
    ["join: token", { by: "token", days: 30, tokenHours: 24 }],
    [
      "join: {by: token, tokenHours: 48}",
      { by: "token", days: 30, tokenHours: 48 },
    ],
    ["join: {days: 7}", { by: "certificate", days: 7, tokenHours: 24 }],
  ])("says %s", (cluster, expected) => {
    expect(project({ cluster, nodes: [PLANE] }).cluster.join).toEqual(expected);
  });

  it.each([
    ["offline: true", true, true],
    ["bundle: true", false, true],
    ["offline: false, bundle: false", false, false],
  ])("with %s", (keys, offline, bundle) => {
    expect(project({ cluster: keys, nodes: [PLANE] }).cluster).toMatchObject({
      offline,
      bundle,
    });
  });

  it("needs a route to its services where nothing leads out of an offline cluster", () => {
    const routes = (cluster: string, node: string) =>
      project({ cluster, nodes: [PLANE, node] }).nodes.at(-1)?.host.link.routes;
    const lone = "name: worker1, role: worker, address: 192.168.1.51/24";
    const dhcp = "name: worker1, role: worker";
    const routed =
      "name: worker1, role: worker, address: 192.168.1.51/24, gateway: 192.168.1.1";
    const services = [{ to: "10.96.0.0/12", scope: "link" }];
    expect(routes("offline: true", lone)).toEqual(services);
    expect(routes("offline: true", dhcp)).toEqual(services);
    expect(routes("offline: true", routed)).toEqual([]);
    expect(routes("bundle: true", routed)).toEqual([]);
    expect(routes("bundle: true", dhcp)).toEqual([]);
  });

  it("has mirrors without a slash at the end, and add-ons with whole paths", () => {
    const { mirrors, addons } = project({
      cluster:
        "mirrors: {kubernetesPackages: 'http://apt.home.arpa/k8s/', kubernetesImages: 'registry.home.arpa:5000/k8s', registries: [{registry: ghcr.io, mirror: 'http://registry.home.arpa:5000/'}]}, addons: [file:metrics.yaml, file:~/x.yaml, 'url:https://example.org/a.yaml']",
      nodes: [PLANE],
    }).cluster;
    expect(mirrors.kubernetesPackages).toBe("http://apt.home.arpa/k8s");
    expect(mirrors.kubernetesImages).toBe("registry.home.arpa:5000/k8s");
    expect(mirrors.registries).toEqual([
      { registry: "ghcr.io", mirror: "http://registry.home.arpa:5000" },
    ]);
    expect(addons).toEqual([
      "file:/home/ana/cluster/metrics.yaml",
      "file:/home/ana/x.yaml",
      "url:https://example.org/a.yaml",
    ]);
  });
});

describe("anchors", () => {
  it("can repeat a value", () => {
    const { nodes } = resolved(`
cluster: {name: homelab}
nodes:
  - name: cplane
    role: control-plane
    users: &team [{name: ana, sshKeys: [file:key.pub]}]
  - {name: worker1, role: worker, users: *team}
`);
    expect(nodes[1]?.users).toEqual(nodes[0]?.users);
  });
});
