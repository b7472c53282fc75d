// What build, flash and check share: the chosen nodes' seeds, rendered once before anything is written.
import { webcrypto } from "node:crypto";
import { borrowSecrets, secretsFile } from "../build/cluster-secrets.ts";
import { type NodeSeed, renderSeeds } from "../build/render-seeds.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { selectNodes } from "../inventory/select-nodes.ts";
import type { ClusterSecrets } from "../kubernetes/cluster-secrets.ts";
import { keepSecrets } from "../kubernetes/store-secrets.ts";
import { buildTime } from "../system/clock.ts";
import { packageVersion } from "../system/package-files.ts";
import type { Context } from "./context.ts";
import {
  demandNoErrors,
  openProject,
  type ProjectArguments,
} from "./project.ts";

export type PreparedSeeds = {
  readonly project: ResolvedProject;
  readonly nodes: readonly ResolvedNode[];
  readonly buildTime: Date;
  readonly version: string;
  readonly secretsFile: string;
  readonly secretsExist: boolean;
  /** With secrets that may have been made for this run only: to look at, not to write. */
  readonly seeds: readonly NodeSeed[];
  /** Makes or completes the cluster's secrets file and gives the seeds to write. */
  readonly keep: (encryptTo?: readonly string[]) => Promise<{
    readonly secrets: ClusterSecrets;
    readonly seeds: readonly NodeSeed[];
  }>;
};

/** Shows every problem of inventory, profiles, fragments and seeds; throws PROJECT_HAS_PROBLEMS and WRONG_ARGUMENTS. */
export const prepareSeeds = async (
  context: Context,
  args: Omit<ProjectArguments, "secrets">,
): Promise<PreparedSeeds> => {
  const { env } = context;
  const loaded = await openProject(context, { ...args, secrets: "needed" });
  const { project, folder } = loaded;
  const nodes = selectNodes(project, {
    hosts: args.hosts ?? [],
    role: args.role,
  });
  const time = buildTime(env);
  const version = packageVersion();
  const render = (secrets: ClusterSecrets): readonly NodeSeed[] => {
    const { seeds, problems } = renderSeeds({
      project,
      nodes,
      secrets,
      library: loaded.library,
      buildTime: time,
      version,
      kubernetesKey: undefined,
      manifests: [],
    });
    demandNoErrors(context, problems, loaded.files);
    return seeds;
  };
  const borrowed = await borrowSecrets(folder, project, env);
  const file = secretsFile(folder, project);
  return {
    project,
    nodes,
    buildTime: time,
    version,
    secretsFile: file,
    secretsExist: borrowed.exist,
    seeds: render(borrowed.secrets),
    keep: async (encryptTo) => {
      const { secrets, changes } = await keepSecrets(
        file,
        project,
        // Certificates end by the real clock, whatever SOURCE_DATE_EPOCH says.
        { now: new Date(), crypto: webcrypto },
        { env, encryptTo },
      );
      for (const change of changes) {
        context.remark(change);
      }
      return { secrets, seeds: render(secrets) };
    },
  };
};
