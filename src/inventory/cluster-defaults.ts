// The settings of a cluster where cluster.yaml says nothing.
import { DEFAULT_KUBERNETES } from "./rules/kubernetes-versions.ts";

export const DEFAULT_CLUSTER = {
  kubernetes: DEFAULT_KUBERNETES,
  podSubnet: "10.244.0.0/16",
  serviceSubnet: "10.96.0.0/12",
  dnsDomain: "cluster.local",
  cni: "flannel",
  runtime: "containerd",
} as const;

export const DEFAULT_JOIN = {
  by: "certificate",
  days: 30,
  tokenHours: 24,
} as const;
