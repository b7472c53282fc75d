// Resolved projects that the tests of this room share.
import { webcrypto } from "node:crypto";
import type {
  Endpoint,
  ResolvedCluster,
  ResolvedNode,
  ResolvedProject,
  Role,
} from "../../src/inventory/resolved.ts";
import type { Making } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import {
  sampleCluster,
  sampleNode,
  staticNetwork,
} from "../seed/sample-project.ts";

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
  ...sampleNode,
  name,
  role,
  ...(address === undefined ? {} : { network: staticNetwork(address) }),
});

const cluster: ResolvedCluster = {
  ...sampleCluster,
  kubernetes: { minor: "1.36", patch: "1.36.2" },
  join: { ...sampleCluster.join, tokenHours: 720 },
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

const withAddresses = (
  node: ResolvedNode,
  addresses: readonly [string, ...string[]],
): ResolvedNode => ({
  ...node,
  network: {
    ...node.network,
    addressing: {
      method: "static",
      addresses,
      gateways: [],
      nameservers: [],
      search: [],
    },
    ipv6: "router",
  },
});

/** The same with both families: a node with fixed addresses of both, and one with those of the network. */
export const dualStack: ResolvedProject = {
  cluster: {
    ...cluster,
    podSubnet: "10.244.0.0/16,fd00:10:244::/64",
    serviceSubnet: "10.96.0.0/12,fd00:10:96::/112",
  },
  nodes: [
    withAddresses(node("cplane", "control-plane"), [
      "192.168.1.50/24",
      "fd00::50/64",
    ]),
    node("worker1", "worker"),
    withAddresses(node("worker2", "worker"), [
      "192.168.1.52/24",
      "fd00::52/64",
    ]),
  ],
};

/** Of IPv6 alone; its control plane has an IPv4 address as well, which Kubernetes does not use. */
export const onlyIpv6: ResolvedProject = {
  cluster: {
    ...cluster,
    endpoint: { ...cluster.endpoint, address: "fd00::50" },
    podSubnet: "fd00:10:244::/56",
    serviceSubnet: "fd00:10:96::/108",
  },
  nodes: [
    withAddresses(node("cplane", "control-plane"), [
      "fd00::50/64",
      "192.168.1.50/24",
    ]),
    withAddresses(node("worker1", "worker"), ["fd00::51/64"]),
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
