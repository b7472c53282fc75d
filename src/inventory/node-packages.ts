// The packages that the scripts of a node install, as far as its system lacks them.
import type { ResolvedNode } from "./resolved.ts";

/** What the inventory asks for; unattended-upgrades is missing on Raspberry Pi OS. */
export const wantedPackages = ({
  host: { packages, updates },
}: ResolvedNode): readonly string[] => [
  ...new Set([
    ...packages,
    ...(updates === "security" ? ["unattended-upgrades"] : []),
  ]),
];

/** Of phases/30-packages, with containerd as the runtime. */
const KUBERNETES = [
  "containerd",
  "kubeadm",
  "kubectl",
  "kubelet",
  "kubernetes-cni",
  "cri-tools",
  "conntrack",
  "ethtool",
  "iptables",
  "socat",
];

/** Of phases/30-packages, 30-gateway, 35-export, 65-extras and 66-wifi; sorted. */
export const nodePackages = (node: ResolvedNode): readonly string[] =>
  [
    ...(node.joins ? KUBERNETES : []),
    ...(node.role === "gateway" ? ["dnsmasq", "nftables"] : []),
    ...(node.exports === undefined ? [] : ["nfs-kernel-server"]),
    ...(node.network.wifi.length === 0 ? [] : ["iw"]),
    ...wantedPackages(node),
  ].toSorted();
