// Where the cluster's secrets are kept.
import { join } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import { secretsPath } from "../kubernetes/secrets/load-cluster-secrets.ts";

/** Where the secrets of the inventory's cluster are kept. */
export const secretsFile = (folder: string, project: ResolvedProject): string =>
  secretsPath(join(folder, "cluster.yaml"), project.cluster.name);
