// Renders the seeds of several nodes and collects their problems, each once.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import type { Problem } from "../report/problem.ts";
import type { Library } from "../seed/library/library.ts";
import { renderSeed } from "../seed/render-seed.ts";
import type { Seed } from "../seed/seed.ts";

export type SeedsInput = {
  readonly project: ResolvedProject;
  readonly nodes: readonly ResolvedNode[];
  readonly secrets: ClusterSecrets;
  readonly library: Library;
  readonly buildTime: Date;
  readonly version: string;
  readonly kubernetesKey: string | undefined;
  readonly manifests: readonly {
    readonly name: string;
    readonly text: string;
  }[];
};

export type NodeSeed = { readonly node: ResolvedNode; readonly seed: Seed };

/** `seeds` lacks the nodes whose fragments have errors. */
export const renderSeeds = (
  input: SeedsInput,
): {
  readonly seeds: readonly NodeSeed[];
  readonly problems: readonly Problem[];
} => {
  const seeds: NodeSeed[] = [];
  const problems = new Map<string, Problem>();
  for (const node of input.nodes) {
    const rendered = renderSeed({ ...input, node });
    for (const problem of rendered.problems) {
      problems.set(JSON.stringify(problem), problem);
    }
    if (rendered.seed !== undefined) {
      seeds.push({ node, seed: rendered.seed });
    }
  }
  return { seeds, problems: [...problems.values()] };
};
