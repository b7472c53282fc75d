// Writes what belongs to the whole cluster: kubeconfig, known_hosts and ssh_config for the laptop.
import { createHash } from "node:crypto";
import { rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  type ClusterSecrets,
  trustedCas,
} from "../kubernetes/secrets/cluster-secrets.ts";
import { trustsOneOf } from "../kubernetes/kubeconfig-yaml.ts";
import { readIfThere } from "../system/read-if-there.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../kubernetes/render-kubeconfig.ts";
import { knownHosts } from "../kubernetes/known-hosts.ts";
import { sshConfig } from "../kubernetes/ssh-config.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";

/** A kubeconfig of another cluster may be the only one that opens it. */
const keepForeign = async (
  kubeconfig: string,
  secrets: ClusterSecrets,
): Promise<string | undefined> => {
  const text = (await readIfThere(kubeconfig))?.toString("utf8") ?? "";
  const ours = trustedCas(secrets).map(({ certificate }) => certificate);
  if (text === "" || trustsOneOf(text, ours)) {
    return undefined;
  }
  // By its content, so that two inventories that share a folder do not fill it.
  const digest = createHash("sha256").update(text).digest("hex");
  const kept = `${kubeconfig}.${digest.slice(0, 8)}.bak`;
  await rename(kubeconfig, kept);
  return kept;
};

const writeHosts = async (
  out: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<void> => {
  const known = join(out, "known_hosts");
  await writeFileAtomically(known, knownHosts(project, secrets));
  await writeFileAtomically(
    join(out, "ssh_config"),
    sshConfig(project, resolve(known)),
  );
};

/** What SSH knows of the nodes, where an earlier build has written it: after a node has left. */
export const writeSshFiles = async (
  out: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<void> => {
  if ((await readIfThere(join(out, "ssh_config"))) !== undefined) {
    await writeHosts(out, project, secrets);
  }
};

/** @returns where the kubeconfig of another cluster is now, if there was one */
export const writeClusterFiles = async (
  out: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<string | undefined> => {
  const kubeconfig = join(out, "kubeconfig");
  const kept = await keepForeign(kubeconfig, secrets);
  await writeFileAtomically(
    kubeconfig,
    adminKubeconfig(adminAccess(project, secrets)).reveal(),
    0o600,
  );
  await writeHosts(out, project, secrets);
  return kept;
};
