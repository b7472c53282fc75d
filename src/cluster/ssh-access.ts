// Lends ssh(1) the cluster's host keys for one run, so that what `build` once wrote need not be there nor be current.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { knownHosts } from "../kubernetes/known-hosts.ts";
import { sshConfig } from "../kubernetes/ssh-config.ts";
import { makePrivateFolder } from "../system/private-folder.ts";

/**
 * For every ssh of ours, the one to a gateway on the way among them, which gets the file and no options: nobody is asked for
 * anything, and a node that does not answer holds nobody up.
 */
const UNATTENDED = `Host *
  BatchMode yes
  ConnectTimeout 5

`;

/** Runs `action` with the path of an ssh_config that exists only meanwhile. */
export const withSshAccess = async <Result>(
  project: ResolvedProject,
  secrets: ClusterSecrets,
  action: (config: string) => Promise<Result>,
): Promise<Result> => {
  const folder = await makePrivateFolder("pi-image-ssh-");
  try {
    const known = join(folder, "known_hosts");
    const config = join(folder, "ssh_config");
    await writeFile(known, knownHosts(project, secrets));
    await writeFile(config, `${UNATTENDED}${sshConfig(project, known)}`);
    return await action(config);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
