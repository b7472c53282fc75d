import { describe, expect, it } from "vitest";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { seedValues } from "../../src/seed/seed-values.ts";
import { VALUE_NAMES } from "../../src/seed/value-names.ts";
import {
  controlPlane,
  gatewayProject,
  fixedSecrets,
  homeWifi,
  sampleCluster,
  sampleNode,
  sampleProject,
  storageNode,
} from "./sample-project.ts";

const namesOf = (project: ResolvedProject, node: ResolvedNode): string[] => [
  ...seedValues({
    project,
    node,
    secrets: fixedSecrets(),
    files: new Map([["etc/motd", "hello"]]),
    buildTime: new Date(0),
  }).keys(),
];

/** A project in which the first control plane may have to join, too. */
const twoControlPlanes: ResolvedProject = {
  ...sampleProject,
  nodes: [...sampleProject.nodes, { ...controlPlane, name: "cplane-2" }],
};

const mirrored: ResolvedProject = {
  ...sampleProject,
  cluster: {
    ...sampleCluster,
    mirrors: { ...sampleCluster.mirrors, ubuntu: "http://mirror.lan" },
  },
};

describe("seedValues", () => {
  it("has every documented value for some node, and no other", () => {
    const names = new Set([
      ...namesOf(sampleProject, controlPlane),
      ...namesOf(twoControlPlanes, controlPlane),
      ...namesOf(sampleProject, storageNode),
      ...namesOf(gatewayProject(), gatewayProject().nodes[0] ?? sampleNode),
      ...namesOf(mirrored, {
        ...sampleNode,
        network: { ...sampleNode.network, wifi: [homeWifi] },
      }),
    ]);
    const documented = (name: string) => !/^(file:|pki\.)/.test(name);
    expect(new Set([...names].filter(documented))).toEqual(
      new Set(Object.keys(VALUE_NAMES)),
    );
    expect([...names].filter((name) => !documented(name))).toEqual([
      "pki.ca.crt",
      "pki.ca.key",
      "pki.front-proxy-ca.crt",
      "pki.front-proxy-ca.key",
      "pki.etcd/ca.crt",
      "pki.etcd/ca.key",
      "pki.sa.pub",
      "pki.sa.key",
      "pki.pi-image/admission.yaml",
      "pki.pi-image/audit-policy.yaml",
      "pki.pi-image/authentication.yaml",
      "pki.pi-image/authorization.yaml",
      "pki.pi-image/encryption.yaml",
      "pki.pi-image/nobody.yaml",
      "file:etc/motd",
    ]);
  });

  it("has nothing for a node that the node must not have", () => {
    const worker = namesOf(sampleProject, sampleNode);
    expect(worker.filter((name) => name.startsWith("pki."))).toEqual([]);
    expect(worker).toContain("kubeadm.joinConfig");
    expect(namesOf(sampleProject, controlPlane)).not.toContain(
      "kubeadm.joinConfig",
    );
  });
});
