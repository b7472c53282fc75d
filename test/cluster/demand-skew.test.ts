// Which versions of Kubernetes go together in an upgrade.
import { expect, it } from "vitest";
import { demandSkew } from "../../src/cluster/upgrade/plan-upgrade.ts";
import { sampleNode } from "../seed/sample-project.ts";

const known = (kubelet: string, containerd: string, plane?: string) => ({
  node: { ...sampleNode, name: "w" },
  versions: {
    kubelet,
    plane,
    runtime: ["containerd", containerd] as const,
    apt: true,
    building: false,
  },
});

const to = (patch: string) => ({
  minor: patch.replace(/\.\d+$/, ""),
  patch,
});

it.each([
  ["1.36.5", known("1.36.5", "1.7.28"), "1.37.1"],
  ["1.37.1", known("1.34.9", "2.1.3"), "1.37.2"],
  ["1.36.9", known("1.36.9", "2.1.3", "1.36.9"), "1.36.10"],
])("lets a cluster of %s with %j become %s", (from, node, patch) => {
  expect(() => demandSkew([node], to(patch), from)).not.toThrow();
});

it.each([
  [
    "1.35.9",
    known("1.35.9", "2.1.3"),
    "1.37.1",
    "the cluster runs Kubernetes 1.35.9, and kubeadm upgrades one minor at a time",
  ],
  [
    "1.36.5",
    known("1.36.10", "2.1.3"),
    "1.36.9",
    "w runs Kubernetes 1.36.10, which is newer than 1.36.9, and nothing goes back to an older one",
  ],
  [
    "1.36.5",
    known("1.36.5", "2.1.3", "1.37.1"),
    "1.36.9",
    "w runs Kubernetes 1.37.1, which is newer than 1.36.9, and nothing goes back to an older one",
  ],
  [
    "1.36.5",
    known("1.33.9", "2.1.3"),
    "1.37.1",
    "the kubelet of w is 1.33.9, and may be no more than three minors older than the API server",
  ],
  [
    "1.37.1",
    known("1.37.1", "1.7.28"),
    "1.38.0",
    "Kubernetes 1.38 needs containerd 2, and w has 1.7.28",
  ],
])("does not let %s with %j become %s", (from, node, patch, why) => {
  expect(() => demandSkew([node], to(patch), from)).toThrow(why);
});
