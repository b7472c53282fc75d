// Which nodes take which step of a rotation, in which order.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { controlPlanes } from "../addresses.ts";
import type {
  ClusterSecrets,
  RotationStep,
} from "../secrets/cluster-secrets.ts";
import type { JoinedRole } from "./held-files.ts";
import { stepsLeft } from "./rotation-steps.ts";

type RotatedNode = { readonly name: string; readonly role: JoinedRole };

export type RotationPlan = {
  readonly cluster: string;
  /** Whether an earlier run has begun it. */
  readonly begun: boolean;
  readonly nodes: readonly RotatedNode[];
  /** The steps that are left, with the nodes whose turn is still to come. */
  readonly steps: readonly {
    readonly step: RotationStep;
    readonly nodes: readonly string[];
  }[];
};

/** Control planes come first, so that workers never meet an API server that does not know what they have. */
export const planRotation = (
  project: ResolvedProject,
  { rotation }: Pick<ClusterSecrets, "rotation">,
): RotationPlan => {
  const workers = project.nodes.filter(
    ({ role, joins }) => joins && role !== "control-plane",
  );
  const nodes: readonly RotatedNode[] = [
    ...controlPlanes(project).map(({ name }) => ({
      name,
      role: "control-plane" as const,
    })),
    ...workers.map(({ name }) => ({ name, role: "worker" as const })),
  ];
  return {
    cluster: project.cluster.name,
    begun: rotation !== undefined,
    nodes,
    steps: stepsLeft({ rotation }).map((step, index) => ({
      step,
      nodes: nodes
        .map(({ name }) => name)
        .filter((name) => index > 0 || rotation?.done.includes(name) !== true),
    })),
  };
};
