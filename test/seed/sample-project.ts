// Resolved projects for tests, without reading an inventory.
import { readFileSync } from "node:fs";
import { completeHardware } from "../../src/inventory/boards/hardware.ts";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type {
  ResolvedCluster,
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { parseSecretsDocument } from "../../src/kubernetes/secrets/secrets-document.ts";
import { secret } from "../../src/report/secret.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { loadLibrary } from "../../src/seed/library/load-library.ts";
import type { Library } from "../../src/seed/library/library.ts";
import type { SeedInput } from "../../src/seed/fill-seed.ts";

export const goldenFolder = packageFile("test/golden/");

const secretsFile = `${goldenFolder}secrets.yaml`;

let secrets: ClusterSecrets | undefined;

/** Fixed secrets of a cluster with the nodes cplane, cplane2, cplane3, worker1 to worker5, gate and nas. */
export const fixedSecrets = (): ClusterSecrets =>
  (secrets ??= parseSecretsDocument(
    readFileSync(secretsFile, "utf8"),
    secretsFile,
  ).secrets);

export const sampleCluster: ResolvedCluster = {
  name: "homelab",
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  upstream: { kubelet: {}, apiServerArgs: [] },
  endpoint: {
    host: "cplane",
    port: 6443,
    address: "192.168.1.50",
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
};

export const sampleNode: ResolvedNode = {
  name: "worker1",
  role: "worker",
  joins: true,
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
  timezone: "Europe/Madrid",
  locale: "C.UTF-8",
  users: [
    {
      name: "ana",
      sshKeys: [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x ana@laptop",
      ],
      sudo: true,
      shell: "/bin/bash",
    },
  ],
  network: {
    uplink: "eth0",
    addressing: { method: "dhcp" },
    ipv6: "base",
    wifi: [],
  },
  host: resolveHost({}, {}),
  reserved: undefined,
  serves: undefined,
  exports: undefined,
  eepromDate: undefined,
  cardSerial: undefined,
  mac: undefined,
};

export const staticNetwork = (address: string): ResolvedNode["network"] => ({
  uplink: "eth0",
  addressing: {
    method: "static",
    addresses: [address],
    gateways: ["192.168.1.1"],
    nameservers: ["192.168.1.1"],
    search: [],
  },
  ipv6: "base",
  wifi: [],
});

export const homeWifi = {
  ssid: "home",
  country: "ES",
  security: "wpa2",
  hidden: false,
  password: secret("correct horse battery"),
} as const;

export const controlPlane: ResolvedNode = {
  ...sampleNode,
  name: "cplane",
  role: "control-plane",
  network: staticNetwork("192.168.1.50/24"),
};

export const sampleProject: ResolvedProject = {
  cluster: sampleCluster,
  nodes: [controlPlane, sampleNode, { ...sampleNode, name: "worker2" }],
};

/** A gateway by Wi-Fi, and a control plane and two workers behind it. */
export const gatewayProject = (): ResolvedProject => {
  const gate: ResolvedNode = {
    ...sampleNode,
    name: "gate",
    role: "gateway",
    joins: false,
    network: {
      uplink: "wlan0",
      addressing: { method: "dhcp" },
      ipv6: "base",
      wifi: [homeWifi],
    },
    serves: {
      interface: "eth0",
      address: "10.0.0.1/24",
      ranges: [{ from: "10.0.0.128", to: "10.0.0.254" }],
      domain: "homelab.home.arpa",
      forwards: [
        {
          port: 6443,
          protocol: "tcp",
          to: "cplane",
          address: "10.0.0.2",
          toPort: 6443,
        },
      ],
    },
  };
  const [plane, ...workers] = sampleProject.nodes;
  return {
    cluster: {
      ...sampleCluster,
      endpoint: { ...sampleCluster.endpoint, address: undefined },
    },
    nodes: [
      gate,
      ...[
        { ...(plane ?? sampleNode), network: sampleNode.network },
        ...workers,
      ].map((node, index) => ({ ...node, reserved: `10.0.0.${index + 2}/24` })),
    ],
  };
};

/** A storage node with a USB disk beside the others. */
export const storageNode: ResolvedNode = {
  ...sampleNode,
  name: "nas",
  role: "storage",
  joins: false,
  storage: "sd+usb-data",
  dataMount: "/srv/nfs",
  network: staticNetwork("192.168.1.60/24"),
  exports: {
    path: "/srv/nfs/volumes",
    clients: "192.168.1.0/24",
    server: "192.168.1.60",
  },
};

let library: Promise<Library> | undefined;

/** The package's own library, without the user's. */
export const packageLibrary = (): Promise<Library> =>
  (library ??= loadLibrary(undefined).then((loaded) => loaded.library));

/** What renders one node of a project; change what the test is about. */
export const seedInput = async (
  project: ResolvedProject,
  node: ResolvedNode,
): Promise<SeedInput> => ({
  project,
  node,
  secrets: fixedSecrets(),
  library: await packageLibrary(),
  buildTime: new Date("2026-11-20T06:00:00Z"),
  version: "0.0.0",
});
