// The cluster's secrets for a run: those that are kept, or, where nothing may be written, ones made for this run only.
import { webcrypto } from "node:crypto";
import { join } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/cluster-secrets.ts";
import { completeClusterSecrets } from "../kubernetes/complete-cluster-secrets.ts";
import { loadSecrets, secretsPath } from "../kubernetes/load-secrets.ts";
import { makeClusterSecrets } from "../kubernetes/make-cluster-secrets.ts";

/** Where the secrets of the inventory's cluster are kept. */
export const secretsFile = (folder: string, project: ResolvedProject): string =>
  secretsPath(join(folder, "cluster.yaml"), project.cluster.name);

/** Secrets to check and plan with: nothing is written, and what is missing is thrown away afterwards. */
export const borrowSecrets = async (
  folder: string,
  project: ResolvedProject,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly secrets: ClusterSecrets; readonly exist: boolean }> => {
  const making = { now: new Date(), crypto: webcrypto };
  const loaded = await loadSecrets(secretsFile(folder, project), { env });
  if (loaded === undefined) {
    return {
      secrets: await makeClusterSecrets(project, making),
      exist: false,
    };
  }
  const completed = await completeClusterSecrets(
    loaded.secrets,
    project,
    making,
  );
  return { secrets: completed.secrets, exist: true };
};
