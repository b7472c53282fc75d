// Writes what belongs to the whole cluster: kubeconfig, known_hosts and ssh_config for the laptop.
import { join, resolve } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../kubernetes/render-kubeconfig.ts";
import { knownHosts } from "../kubernetes/known-hosts.ts";
import { sshConfig } from "../kubernetes/ssh-config.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";

export const writeClusterFiles = async (
  out: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<void> => {
  const known = join(out, "known_hosts");
  await writeFileAtomically(
    join(out, "kubeconfig"),
    adminKubeconfig(adminAccess(project, secrets)).reveal(),
    0o600,
  );
  await writeFileAtomically(known, knownHosts(project, secrets));
  await writeFileAtomically(
    join(out, "ssh_config"),
    sshConfig(project, resolve(known)),
  );
};
