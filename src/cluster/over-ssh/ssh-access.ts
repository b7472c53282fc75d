// Gives ssh(1) the cluster's host keys for one run, so that it does not depend on files that `build` once wrote, which may
// be gone or outdated.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import type { ClusterSecrets } from "../../kubernetes/secrets/cluster-secrets.ts";
import { knownHosts } from "../../kubernetes/known-hosts.ts";
import { sshConfig } from "../../kubernetes/ssh-config.ts";
import { makePrivateFolder } from "../../system/private-folder.ts";

/**
 * Written into the file so that it applies to every ssh that we start, even the one to a gateway in between, which gets the
 * file but no options. Nothing is ever asked, and a node that does not answer does not hold up the run.
 */
const UNATTENDED = `Host *
  BatchMode yes
  ConnectTimeout 5
`;

/** For nodes whose host keys are lost: one that answers for the first time is taken, one that has changed is not. */
const ACCEPT_NEW = `  StrictHostKeyChecking accept-new
`;

const withConfig = async <Result>(
  project: ResolvedProject,
  knownNodes: string,
  options: string,
  action: (config: string) => Promise<Result>,
): Promise<Result> => {
  const folder = await makePrivateFolder("pi-image-ssh-");
  try {
    const known = join(folder, "known_hosts");
    const config = join(folder, "ssh_config");
    await writeFile(known, knownNodes);
    await writeFile(config, `${options}\n${sshConfig(project, known)}`);
    return await action(config);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Runs `action` with the path of an ssh_config that is deleted afterwards. */
export const withSshAccess = <Result>(
  project: ResolvedProject,
  secrets: ClusterSecrets,
  action: (config: string) => Promise<Result>,
): Promise<Result> =>
  withConfig(project, knownHosts(project, secrets), UNATTENDED, action);

/**
 * The same without the cluster's secrets.
 *
 * @param known lines of known_hosts, as far as they are known
 */
export const withFirstSshAccess = <Result>(
  project: ResolvedProject,
  known: string,
  action: (config: string) => Promise<Result>,
): Promise<Result> =>
  // The first value of an option counts. https://man.openbsd.org/ssh_config
  withConfig(project, known, `${UNATTENDED}${ACCEPT_NEW}`, action);
