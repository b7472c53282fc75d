// Restarts nodes one after the other: away with the pods, restart, wait until it is Ready, pods again.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import {
  RUN_AGAIN,
  aroundNode,
  backInService,
  demandOthers,
  makeRoom,
  type OutOfService,
  type Comeback,
  waitUntil,
} from "./out-of-service.ts";
import { askOwnState, restartMachine } from "./own-part.ts";
import {
  lookByAnyPlane,
  type PlannedRestart,
  restartMark,
  type RestartPlan,
} from "./plan-restart.ts";

type RestartEvent =
  | { readonly type: "drained"; readonly pods: readonly string[] }
  /** There is no other node where its pods could go. */
  | { readonly type: "alone" }
  | { readonly type: "restarting" }
  | {
      readonly type: "back";
      readonly seconds: number;
      /** For what it still wants a restart. */
      readonly wants: string | undefined;
    };

export type RestartJob = {
  readonly project: ResolvedProject;
  readonly plan: RestartPlan;
  readonly force: boolean;
  /** How long a node may take to come back. */
  readonly patienceMs: number;
  readonly asked: OverSsh;
  readonly tell: (node: string, event: RestartEvent) => void;
};

const SECOND = 1000;
const ASK_MS = 20 * SECOND;

const missing = async (
  { name, bootId, isNode, role }: PlannedRestart,
  { project, asked }: RestartJob,
): Promise<Comeback<string | undefined>> => {
  const own = await askOwnState(name, asked, ASK_MS);
  if (!own.ok) {
    return { because: own.because };
  }
  if (own.bootId === bootId) {
    return { because: "it has not restarted yet" };
  }
  if (own.starting) {
    return { because: "it is trying a new kernel, and may restart once more" };
  }
  if (isNode) {
    const around = await lookByAnyPlane(project, name, asked);
    if (!("plane" in around)) {
      return { because: around.join("; ") };
    }
    const found = around.nodes.find((one) => one.name === name);
    // The kubelet reports its boot and whether it is Ready at once, so that it is not Ready by its last word before the restart.
    if (found?.ready !== true || found.bootId !== own.bootId) {
      return { because: "SSH reaches it, and its kubelet is not Ready yet" };
    }
    if (
      role === "control-plane" &&
      !around.members.some((one) => one.name === name && one.answers)
    ) {
      return { because: "it is Ready, and its etcd does not answer yet" };
    }
  }
  return { because: undefined, found: own.wants };
};

const restartOne = async (
  node: PlannedRestart,
  job: RestartJob,
  service: OutOfService,
): Promise<void> => {
  const { name, isNode, restarted } = node;
  const { asked, patienceMs } = job;
  const tell = (event: RestartEvent): void => job.tell(name, event);
  if (!restarted) {
    if (isNode) {
      const around = await aroundNode(service);
      demandOthers(service, around);
      const pods = await makeRoom(service, around);
      tell(pods === undefined ? { type: "alone" } : { type: "drained", pods });
    }
    const answer = await restartMachine(name, asked);
    if (!answer.ok) {
      throw service.stop({
        message: `${name} does not restart`,
        facts: [`${name}: ${answer.because}`],
        own: isNode ? `${name} takes no new pods` : `${name} is as it was`,
        hint: RUN_AGAIN,
      });
    }
    tell({ type: "restarting" });
  }
  const seen = await waitUntil(
    () => missing(node, job),
    patienceMs,
    asked.signal,
  );
  if (seen.seconds === undefined) {
    throw service.stop({
      message: `${name} has not come back within ${formatSeconds(patienceMs / SECOND)}`,
      facts: [`${name}: ${seen.because}`],
      own: `${name} ${isNode ? "takes no new pods" : "was told to restart"}`,
      hint: `look at its screen, and at \`pi-image doctor ${name}\`; when it is back, ${RUN_AGAIN}`,
    });
  }
  tell({ type: "back", seconds: seen.seconds, wants: seen.found });
  if (isNode) {
    await backInService(service);
  }
};

/**
 * Stops at the first node that does not come back: the next one may meet the same trouble.
 *
 * @throws UserError NODE_NOT_RESTARTED; AbortError when the signal ends a pause
 */
export const runRestarts = async (job: RestartJob): Promise<void> => {
  const names = job.plan.nodes.map(({ name }) => name);
  for (const [index, node] of job.plan.nodes.entries()) {
    const done = names.slice(0, index);
    const left = names.slice(index + 1);
    await restartOne(node, job, {
      name: node.name,
      project: job.project,
      mark: restartMark(node.bootId),
      force: job.force,
      asked: job.asked,
      what: "restarted",
      stop: ({ message, facts = [], own, hint }) =>
        new UserError("NODE_NOT_RESTARTED", message, {
          facts,
          state: [
            own,
            ...(done.length === 0 ? [] : [`restarted: ${listed(done)}`]),
            ...(left.length === 0 ? [] : [`not restarted: ${listed(left)}`]),
          ].join("; "),
          hint,
        }),
    });
  }
};
