// Restarts nodes one after the other: away with the pods, restart, wait until it is Ready, pods again.
import { setTimeout as sleep } from "node:timers/promises";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import {
  DRAIN_SECONDS,
  drainNode,
  type Lookout,
  uncordonNode,
} from "./cluster-nodes.ts";
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

/** Between two looks at a node that restarts; they double. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5 * SECOND;

/** What is said wherever a restart stops. */
type Standing = {
  readonly done: readonly string[];
  readonly left: readonly string[];
};

const stopped = (
  message: string,
  facts: readonly string[],
  own: string,
  hint: string,
  { done, left }: Standing,
): UserError =>
  new UserError("NODE_NOT_RESTARTED", message, {
    facts,
    state: [
      own,
      ...(done.length === 0 ? [] : [`restarted: ${listed(done)}`]),
      ...(left.length === 0 ? [] : [`not restarted: ${listed(left)}`]),
    ].join("; "),
    hint,
  });

const AGAIN = "run the same command again: it goes on where it stopped";

/** Another member that is away already, and this one restarting, may stop etcd, and nobody could start the cluster from here. */
const demandOthers = (
  { name }: PlannedRestart,
  { members }: Lookout,
  standing: Standing,
): void => {
  const own = members.find((member) => member.name === name);
  const away = members.filter(
    (member) => member !== own && member.votes && !member.answers,
  );
  if (own !== undefined && away.length > 0) {
    throw stopped(
      `${name} is not restarted while ${listed(away.map((member) => member.name || member.address))} ${away.length === 1 ? "is" : "are"} away: etcd could stop`,
      [],
      `${name} is as it was`,
      "switch the other control plane on, or remove it for good: pi-image node remove",
      standing,
    );
  }
};

const aroundOf = async (
  { name }: PlannedRestart,
  { project, asked }: RestartJob,
  standing: Standing,
): Promise<Lookout & { readonly plane: string }> => {
  const around = await lookByAnyPlane(project, name, asked);
  if (!("plane" in around)) {
    throw stopped(
      "no control plane says how the cluster is",
      around,
      `${name} is as it was`,
      AGAIN,
      standing,
    );
  }
  return around;
};

const makeRoom = async (
  node: PlannedRestart,
  { nodes, plane }: Lookout & { readonly plane: string },
  { force, asked, tell }: RestartJob,
  standing: Standing,
): Promise<void> => {
  const { name, bootId } = node;
  if (!nodes.some((one) => one.name !== name && one.ready && one.takesPods)) {
    tell(name, { type: "alone" });
    return;
  }
  const drained = await drainNode(
    plane,
    name,
    { mark: restartMark(bootId), seconds: DRAIN_SECONDS, force },
    asked,
  );
  if (!drained.ok) {
    const back = await uncordonNode(plane, name, asked);
    throw stopped(
      `${name} is not restarted, because its pods do not go`,
      [`${plane}: ${drained.because}`],
      back.ok
        ? `${name} takes pods again`
        : `${name} takes no new pods; \`kubectl uncordon ${name}\` lets it`,
      "see to these pods and run the command again, or add --force, which deletes them",
      standing,
    );
  }
  tell(name, { type: "drained", pods: drained.evicted });
};

/** Undefined when it is back; else what is missing, as a sentence. */
const missing = async (
  node: PlannedRestart,
  { project, asked }: RestartJob,
): Promise<
  | { readonly because: string }
  | { readonly because: undefined; readonly wants: string | undefined }
> => {
  const { name, bootId, isNode, role } = node;
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
  return { because: undefined, wants: own.wants };
};

const waitFor = async (
  node: PlannedRestart,
  job: RestartJob,
  standing: Standing,
): Promise<void> => {
  const { patienceMs, asked, tell } = job;
  // Not the wall clock, which may be set during the run.
  const begin = performance.now();
  let pause = FIRST_PAUSE_MS;
  while (true) {
    const seen = await missing(node, job);
    const waited = performance.now() - begin;
    if (seen.because === undefined) {
      const seconds = Math.round(waited / SECOND);
      tell(node.name, { type: "back", seconds, wants: seen.wants });
      return;
    }
    if (waited > patienceMs) {
      throw stopped(
        `${node.name} has not come back within ${formatSeconds(patienceMs / SECOND)}`,
        [`${node.name}: ${seen.because}`],
        `${node.name} ${node.isNode ? "takes no new pods" : "was told to restart"}`,
        `look at its screen, and at \`pi-image doctor ${node.name}\`; when it is back, ${AGAIN}`,
        standing,
      );
    }
    await sleep(pause, undefined, { signal: asked.signal });
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
};

const restartOne = async (
  node: PlannedRestart,
  job: RestartJob,
  standing: Standing,
): Promise<void> => {
  const { name, isNode, restarted } = node;
  const { asked, tell } = job;
  if (!restarted) {
    if (isNode) {
      const around = await aroundOf(node, job, standing);
      demandOthers(node, around, standing);
      await makeRoom(node, around, job, standing);
    }
    const answer = await restartMachine(name, asked);
    if (!answer.ok) {
      throw stopped(
        `${name} does not restart`,
        [`${name}: ${answer.because}`],
        isNode ? `${name} takes no new pods` : `${name} is as it was`,
        AGAIN,
        standing,
      );
    }
    tell(name, { type: "restarting" });
  }
  await waitFor(node, job, standing);
  if (isNode) {
    const { plane } = await aroundOf(node, job, standing);
    const answer = await uncordonNode(plane, name, asked);
    if (!answer.ok) {
      throw stopped(
        `${name} is back, and takes no pods yet`,
        [`${plane}: ${answer.because}`],
        `${name} takes no new pods`,
        AGAIN,
        standing,
      );
    }
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
    await restartOne(node, job, {
      done: names.slice(0, index),
      left: names.slice(index + 1),
    });
  }
};
