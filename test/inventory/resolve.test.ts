import { describe, expect, it } from "vitest";
import { DEFAULT_HARDWARE } from "../../src/inventory/hardware.ts";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { secret } from "../../src/report/secret.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK test@pi-image";

const PLACES = { folder: "/home/ana/cluster", home: "/home/ana" };

/** Loads what stands in the text alone; every `file:` key leads to KEY and every secret to "correct horse". */
const resolved = (text: string): ResolvedProject => {
  const { inventory, problems } = parseInventory("cluster.yaml", text);
  if (inventory === undefined) {
    throw new Error(problems.map(({ message }) => message).join("\n"));
  }
  return resolveInventory(
    inventory,
    {
      keys: new Map([["file:key.pub", [KEY]]]),
      secrets: new Map([
        ["env:WIFI", secret("correct horse")],
        ["prompt other", secret("battery staple")],
      ]),
    },
    PLACES,
  );
};

type Parts = { cluster?: string; defaults?: string; nodes: readonly string[] };

const project = ({ cluster = "", defaults = "", nodes }: Parts) =>
  resolved(`
cluster: {name: homelab, ${cluster}}
defaults:
  users: [{name: ana, sshKeys: [file:key.pub]}]
${defaults === "" ? "" : `  ${defaults}`}
nodes:
${nodes.map((node) => `  - {${node}}`).join("\n")}
`);

const PLANE = "name: cplane, role: control-plane";
const FIXED = `${PLANE}, address: 192.168.1.50/24, gateway: 192.168.1.1`;
const plane = (number: number) =>
  `name: cp${number}, role: control-plane, address: 192.168.1.5${number}/24, gateway: 192.168.1.1`;

describe("an inventory that says almost nothing", () => {
  it("gets every default", () => {
    expect(project({ nodes: [PLANE] })).toEqual({
      cluster: {
        name: "homelab",
        kubernetes: { minor: "1.36", patch: "1.36.5" },
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
          hardware: DEFAULT_HARDWARE,
          config: [],
          timezone: "Etc/UTC",
          locale: "C.UTF-8",
          users: [
            { name: "ana", sshKeys: [KEY], sudo: true, shell: "/bin/bash" },
          ],
          network: {
            uplink: "eth0",
            addressing: { method: "dhcp" },
            wifi: [],
          },
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

describe("a gateway", () => {
  const WIFI = "wifi: {ssid: home, country: ES, security: open}";
  const GATE = `name: gate, role: gateway, ${WIFI}, serves: {address: 10.0.0.1/28, forwards: [{port: 443, to: cplane, toPort: 6443}]}`;
  const { nodes } = project({
    defaults: "gateway: 192.168.1.1",
    nodes: [
      GATE,
      "name: cplane, role: control-plane",
      "name: worker1, role: worker, address: 10.0.0.2/28",
      "name: worker2, role: worker",
      `name: worker3, role: worker, ${WIFI}`,
      "name: worker4, role: worker, address: 192.168.1.9/24",
      "name: worker5, role: worker, address: 10.0.0.6/28, gateway: 10.0.0.5, nameservers: [9.9.9.9]",
    ],
  });

  it("serves the network behind it", () => {
    expect(nodes[0]).toMatchObject({
      joins: false,
      reserved: undefined,
      network: { uplink: "wlan0", addressing: { method: "dhcp" } },
      serves: {
        interface: "eth0",
        address: "10.0.0.1/28",
        ranges: [{ from: "10.0.0.8", to: "10.0.0.14" }],
        domain: "homelab.home.arpa",
        forwards: [
          {
            port: 443,
            protocol: "tcp",
            to: "cplane",
            address: "10.0.0.3",
            toPort: 6443,
          },
        ],
      },
    });
  });

  it("keeps an address for every node behind it, and for no other", () => {
    expect(nodes.map(({ reserved }) => reserved)).toEqual([
      undefined,
      "10.0.0.3/28",
      "10.0.0.2/28",
      "10.0.0.4/28",
      undefined,
      undefined,
      "10.0.0.6/28",
    ]);
  });

  it("is the way out for the nodes behind it, unless they say otherwise", () => {
    const ways = [2, 5, 6].map((index) => nodes[index]?.network.addressing);
    expect(ways).toMatchObject([
      {
        gateway: "10.0.0.1",
        nameservers: ["10.0.0.1"],
        search: ["homelab.home.arpa"],
      },
      { gateway: "192.168.1.1", nameservers: ["192.168.1.1"], search: [] },
      { gateway: "10.0.0.5", nameservers: ["9.9.9.9"] },
    ]);
  });
});

describe("a storage node", () => {
  const nas = (more: string) =>
    project({
      nodes: [
        PLANE,
        `name: nas, role: storage, storage: sd+usb-data, address: 192.168.1.60/24, gateway: 192.168.1.1${more}`,
      ],
    }).nodes[1];

  it("exports a folder of its data disk to its network, beside the cluster", () => {
    expect(nas("")).toMatchObject({
      joins: false,
      dataMount: "/srv/nfs",
      exports: {
        path: "/srv/nfs/volumes",
        clients: "192.168.1.0/24",
        server: "192.168.1.60",
      },
    });
  });

  it("joins the cluster where it says so", () => {
    expect(nas(", joins: true, dataMount: /srv/disk")).toMatchObject({
      joins: true,
      exports: { path: "/srv/disk/volumes" },
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

describe("a node", () => {
  const node = (own: string, defaults = "") => {
    const [first] = project({ defaults, nodes: [`${PLANE}, ${own}`] }).nodes;
    if (first === undefined) {
      throw new Error("no node");
    }
    return first;
  };

  it("takes the settings of defaults, and its own before them", () => {
    const found = node(
      "storage: sd, timezone: Asia/Tokyo",
      "storage: nvme\n  pcieGen: 3\n  locale: es_ES.UTF-8",
    );
    expect(found.storage).toBe("sd");
    expect(found.pcieGen).toBe(3);
    expect(found.timezone).toBe("Asia/Tokyo");
    expect(found.locale).toBe("es_ES.UTF-8");
  });

  it.each([
    ["ubuntu-26.04", "ubuntu-26.04"],
    ["images/my.img", "/home/ana/cluster/images/my.img"],
    ["my.img.xz", "/home/ana/cluster/my.img.xz"],
    ["~/my.img", "/home/ana/my.img"],
    ["/srv/my.img", "/srv/my.img"],
    ["https://example.org/a.img.xz", "https://example.org/a.img.xz"],
  ])("finds the base %s", (written, expected) => {
    expect(node(`base: ${written}`).base).toBe(expected);
  });

  it("has a fixed address with the gateway as name server", () => {
    expect(
      node("address: 192.168.1.50/24", "gateway: 192.168.1.1").network,
    ).toEqual({
      uplink: "eth0",
      addressing: {
        method: "static",
        address: "192.168.1.50/24",
        gateway: "192.168.1.1",
        nameservers: ["192.168.1.1"],
        search: [],
      },
      wifi: [],
    });
  });

  it("has the name servers and domains that are written", () => {
    expect(
      node(
        "address: 192.168.1.50/24, gateway: 192.168.1.1, search: [home.arpa]",
        "nameservers: [1.1.1.1, 9.9.9.9]",
      ).network.addressing,
    ).toMatchObject({
      nameservers: ["1.1.1.1", "9.9.9.9"],
      search: ["home.arpa"],
    });
  });

  const WIFI = "wifi: {ssid: home, country: ES, password: env:WIFI}";

  it("uses Wi-Fi where it is set up, with its password", () => {
    const { network } = node("", WIFI);
    expect(network.uplink).toBe("wlan0");
    expect(network.wifi).toMatchObject([
      { ssid: "home", country: "ES", security: "wpa2", hidden: false },
    ]);
    expect(network.wifi[0]?.password?.reveal()).toBe("correct horse");
    expect(JSON.stringify(network)).not.toContain("correct horse");
  });

  it("can have Wi-Fi and use the cable", () => {
    const { network } = node("uplink: ethernet", WIFI);
    expect(network.uplink).toBe("eth0");
    expect(network.wifi[0]?.ssid).toBe("home");
  });

  it("can switch the Wi-Fi of defaults off", () => {
    const { network } = node("wifi: false", WIFI);
    expect(network).toEqual({
      uplink: "eth0",
      addressing: { method: "dhcp" },
      wifi: [],
    });
  });

  it("can have another Wi-Fi, none of it from defaults", () => {
    const { wifi } = node(
      "wifi: {ssid: other, country: FR, hidden: true, password: prompt}",
      WIFI,
    ).network;
    expect(wifi).toMatchObject([
      { ssid: "other", country: "FR", hidden: true },
    ]);
    expect(wifi[0]?.password?.reveal()).toBe("battery staple");
  });

  it("joins an open network without a password", () => {
    const { wifi } = node(
      "wifi: {ssid: café, country: FR, security: open}",
    ).network;
    expect(wifi[0]?.password).toBeUndefined();
    expect(wifi[0]?.security).toBe("open");
  });

  it("has several networks in the order of the list, each with its own password", () => {
    const { wifi } = node(
      "wifi: [{ssid: home, country: ES, password: env:WIFI}, {ssidHex: CAFEe9, country: ES, hidden: true, password: env:WIFI}, {ssid: guests, country: ES, security: open}]",
    ).network;
    expect(
      wifi.map(({ ssid, password }) => [ssid, password?.reveal()]),
    ).toEqual([
      ["home", "correct horse"],
      [Buffer.from([0xca, 0xfe, 0xe9]), "correct horse"],
      ["guests", undefined],
    ]);
  });

  it("keeps the users of its own", () => {
    const { users } = node(
      `users: [{name: bea, sudo: false, shell: /bin/zsh, sshKeys: [file:key.pub, "${KEY}", file:key.pub]}]`,
    );
    expect(users).toEqual([
      { name: "bea", sudo: false, shell: "/bin/zsh", sshKeys: [KEY] },
    ]);
  });

  it("is bound to its card", () => {
    expect(node('card: {serial: "0x1234abcd"}').cardSerial).toBe("0x1234abcd");
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
