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
