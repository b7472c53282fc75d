// Resolved projects that the tests of this room share.
import { webcrypto } from "node:crypto";
import { DEFAULT_HARDWARE } from "../../src/inventory/hardware.ts";
import type {
  Endpoint,
  ResolvedCluster,
  ResolvedNode,
  ResolvedProject,
  Role,
} from "../../src/inventory/resolved.ts";
import type { Making } from "../../src/kubernetes/make-cluster-secrets.ts";

export const NOW = new Date("2026-11-20T12:00:00Z");

export const making: Making = { now: NOW, crypto: webcrypto };

/** The same randomness, later or earlier. */
export const inDays = (days: number): Making => ({
  now: new Date(NOW.getTime() + days * 24 * 60 * 60 * 1000),
  crypto: webcrypto,
});

export const node = (
  name: string,
  role: Role,
  address?: string,
): ResolvedNode => ({
  name,
  role,
  joins: true,
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
    {
      name: "ana",
      sshKeys: ["ssh-ed25519 AAAA ana"],
      sudo: true,
      shell: "/bin/bash",
    },
  ],
  network: {
    uplink: "eth0",
    addressing:
      address === undefined
        ? { method: "dhcp" }
        : {
            method: "static",
            address,
            gateway: "192.168.1.1",
            nameservers: ["192.168.1.1"],
            search: [],
          },
    wifi: [],
  },
  reserved: undefined,
  serves: undefined,
  exports: undefined,
  eepromDate: undefined,
  cardSerial: undefined,
  mac: undefined,
});

const cluster: ResolvedCluster = {
  name: "homelab",
  kubernetes: { minor: "1.36", patch: "1.36.2" },
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
  join: { by: "certificate", days: 30, tokenHours: 720 },
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

/** A control plane with a fixed address and two workers with DHCP. */
export const homelab: ResolvedProject = {
  cluster,
  nodes: [
    node("cplane", "control-plane", "192.168.1.50/24"),
    node("worker1", "worker"),
    node("worker2", "worker", "192.168.1.52/24"),
  ],
};

/** Three control planes behind a virtual address, CRI-O and an image mirror. */
export const threeControlPlanes: ResolvedProject = {
  cluster: {
    ...cluster,
    name: "rack",
    endpoint: {
      host: "rack-api.lan",
      port: 6443,
      address: "192.168.1.40",
      virtual: true,
    },
    runtime: "cri-o",
    mirrors: { ...cluster.mirrors, kubernetesImages: "registry.lan:5000/k8s" },
  },
  nodes: [
    node("cp1", "control-plane", "192.168.1.41/24"),
    node("cp2", "control-plane", "192.168.1.42/24"),
    node("cp3", "control-plane"),
    node("worker1", "worker"),
  ],
};

export const withCluster = (
  project: ResolvedProject,
  changes: Partial<ResolvedCluster>,
): ResolvedProject => ({
  ...project,
  cluster: { ...project.cluster, ...changes },
});

export const withEndpoint = (
  project: ResolvedProject,
  changes: Partial<Endpoint>,
): ResolvedProject =>
  withCluster(project, {
    endpoint: { ...project.cluster.endpoint, ...changes },
  });

export const withNodes = (
  project: ResolvedProject,
  ...nodes: readonly ResolvedNode[]
): ResolvedProject => ({ ...project, nodes });

/** A node of a project by name. */
export const nodeOf = (
  project: ResolvedProject,
  name: string,
): ResolvedNode => {
  const found = project.nodes.find((candidate) => candidate.name === name);
  if (found === undefined) {
    throw new Error(`no node ${name}`);
  }
  return found;
};
