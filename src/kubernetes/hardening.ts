// The hardening of a cluster: what the inventory asks for, else the defaults of the time when its secrets were made.
import type { AnonymousAccess, PodSecurity } from "../inventory/resolved.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "./secrets/cluster-secrets.ts";

export type Hardening = {
  readonly encryptSecrets: boolean;
  readonly auditLog: boolean;
  readonly podSecurity: PodSecurity;
  readonly podSecurityExempt: readonly string[];
  readonly seccompDefault: boolean;
  readonly anonymousAccess: AnonymousAccess;
};

/** Namespaces whose pods need the host's network and devices. Calico, Cilium and the NFS driver live in kube-system. */
const OWN_NAMESPACES = ["kube-system", "kube-flannel"];

/**
 * Secrets of an earlier pi-image belong to a cluster that was made with kubeadm's own defaults, and what its owner runs in
 * it may rely on these. A card that starts such a cluster anew keeps those defaults, unless the inventory asks for more.
 */
export const hardeningOf = (
  { cluster: { hardening } }: Pick<ResolvedProject, "cluster">,
  { hardened }: Pick<ClusterSecrets, "hardened">,
): Hardening => ({
  encryptSecrets: hardening.encryptSecrets ?? hardened,
  auditLog: hardening.auditLog ?? hardened,
  podSecurity: hardening.podSecurity ?? (hardened ? "baseline" : "privileged"),
  podSecurityExempt: [
    ...new Set([...OWN_NAMESPACES, ...hardening.podSecurityExempt]),
  ],
  seccompDefault: hardening.seccompDefault ?? hardened,
  anonymousAccess: hardening.anonymousAccess ?? (hardened ? "probes" : "all"),
});
