// Removes a node from a running cluster.
import { UserError } from "../../report/user-error.ts";
import type { NodeAnswer, OverSsh } from "../over-ssh/run-as-root.ts";
import {
  deleteNode,
  DRAIN_SECONDS,
  drainNode,
  removeMember,
} from "./cluster-nodes.ts";
import { retireMachine } from "./own-part.ts";
import type { RemovalPlan } from "./plan-removal.ts";

type RemovalEvent =
  | { readonly type: "evicted"; readonly pods: readonly string[] }
  | { readonly type: "left" }
  | { readonly type: "retired" }
  | { readonly type: "deleted" };

export type RemovalJob = {
  readonly plan: RemovalPlan;
  readonly force: boolean;
  readonly asked: OverSsh;
  readonly tell: (event: RemovalEvent) => void;
};

const AGAIN = "run the command again; it goes on where it stopped";

const demand = (
  answer: NodeAnswer,
  message: string,
  where: string,
  state: string,
  hint = AGAIN,
): void => {
  if (!answer.ok) {
    throw new UserError("NODE_NOT_REMOVED", message, {
      facts: [`${where}: ${answer.because}`],
      state,
      hint,
    });
  }
};

/**
 * In an order in which every cut leaves a cluster that works: its pods go first, its member while it still answers, for of two both
 * are needed to take one out, and its Node when no kubelet is left that would make it again.
 *
 * @throws UserError NODE_NOT_REMOVED
 */
export const runRemoval = async (job: RemovalJob): Promise<void> => {
  const { plan, force, asked, tell } = job;
  const { node, plane, isNode, ready, reached, votersLeft } = plan;
  if (isNode && ready) {
    const drained = await drainNode(
      plane,
      node,
      { mark: "remove", seconds: DRAIN_SECONDS, force },
      asked,
    );
    if (!drained.ok) {
      demand(
        drained,
        `the pods of ${node} do not go`,
        plane,
        `${node} takes no new pods, and is in the cluster; \`kubectl uncordon ${node}\` takes that back`,
        "see to these pods and run the command again, or add --force, which deletes them",
      );
      return;
    }
    tell({ type: "evicted", pods: drained.evicted });
  }
  if (votersLeft !== undefined) {
    demand(
      await removeMember(plane, node, asked),
      `etcd still has ${node} as a member`,
      plane,
      `${node} takes no new pods, and is in the cluster`,
    );
    tell({ type: "left" });
  }
  if (reached) {
    demand(
      await retireMachine(node, asked),
      `Kubernetes on ${node} does not end`,
      node,
      `${node} has no pods any more, and the cluster still knows it`,
      `run the command again; or switch ${node} off first, and its card stays as it is`,
    );
    tell({ type: "retired" });
  }
  demand(
    await deleteNode(plane, node, asked),
    `the cluster still knows ${node}`,
    plane,
    `Kubernetes on ${node} ${reached ? "has ended" : "does not answer"}`,
  );
  tell({ type: "deleted" });
};
