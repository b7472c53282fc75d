// Upgrades a cluster: packages onto every node, control planes one after the other, what runs in the cluster, workers.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import {
  RUN_AGAIN,
  aroundNode,
  backInService,
  demandOthers,
  makeRoom,
  type OutOfService,
  type Comeback,
  waitUntil,
} from "../nodes/out-of-service.ts";
import { lookByAnyPlane } from "../nodes/plan-restart.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import { runStep, type UpgradeStep } from "./node-upgrade.ts";
import {
  type PlannedUpgrade,
  UPGRADE_MARK,
  type UpgradePlan,
} from "./plan-upgrade.ts";

type UpgradeEvent =
  | { readonly type: "fetched" }
  | { readonly type: "plane-begun" | "plane-done" }
  | { readonly type: "drained"; readonly pods: readonly string[] }
  /** There is no other node where its pods could go. */
  | { readonly type: "alone" }
  | { readonly type: "done"; readonly seconds: number };

export type UpgradeJob = {
  readonly project: ResolvedProject;
  readonly plan: UpgradePlan;
  /** The package repository of the new minor. */
  readonly packages: string;
  /** For the virtual address; undefined where there is none. */
  readonly kubeVip: string | undefined;
  /** Of the pod network and the add-ons, as one text of YAML documents; empty where the inventory has none. */
  readonly manifests: string;
  readonly force: boolean;
  /** How long a node may take to be Ready again after a step. */
  readonly patienceMs: number;
  readonly asked: OverSsh;
  readonly tell: (node: string, event: UpgradeEvent) => void;
  /** Before the first control plane changes. */
  readonly backUp: () => Promise<void>;
  /** When all control planes have the new version: a card that is built from now on has it too. */
  readonly planesDone: () => Promise<void>;
};

const SECOND = 1000;

const serviceOf = (
  { name }: PlannedUpgrade,
  { project, plan, force, asked }: UpgradeJob,
): OutOfService => {
  const at = plan.nodes.findIndex((node) => node.name === name);
  const done = plan.nodes
    .filter(({ kubeletDone, planeDone }, index) =>
      index < at ? true : kubeletDone && planeDone,
    )
    .map((node) => node.name)
    .filter((other) => other !== name);
  const left = plan.nodes
    .map((node) => node.name)
    .filter((other) => other !== name && !done.includes(other));
  return {
    name,
    project,
    mark: UPGRADE_MARK,
    force,
    asked,
    what: "upgraded",
    stop: ({ message, facts = [], own, hint }) =>
      new UserError("NODE_NOT_UPGRADED", message, {
        facts,
        state: [
          own,
          ...(done.length === 0
            ? []
            : [`${plan.to.patch} runs on ${listed(done)}`]),
          ...(left.length === 0 ? [] : [`not upgraded: ${listed(left)}`]),
        ].join("; "),
        hint,
      }),
  };
};

const demandStep = async (
  { name, asked, stop }: OutOfService,
  step: UpgradeStep,
  own: string,
  input?: string,
): Promise<void> => {
  const answer = await runStep(name, step, asked, input);
  if (!answer.ok) {
    throw stop({
      message: `${name} could not be upgraded`,
      facts: [`${name}: ${answer.because}`],
      own,
      hint: `remove the cause, then ${RUN_AGAIN}`,
    });
  }
};

/** Before the first node changes: a mirror that lacks the version leaves the cluster as it is. */
const fetchEverywhere = async (job: UpgradeJob): Promise<void> => {
  const { plan, packages, asked, tell } = job;
  const missed: string[] = [];
  await Promise.all(
    plan.nodes
      .filter(({ planeDone, kubeletDone }) => !planeDone || !kubeletDone)
      .map(async ({ name }) => {
        const answer = await runStep(
          name,
          ["fetch", plan.to.patch, packages],
          asked,
        );
        if (answer.ok) {
          tell(name, { type: "fetched" });
        } else {
          missed.push(`${name}: ${answer.because}`);
        }
      }),
  );
  if (missed.length > 0) {
    throw new UserError(
      "NODE_NOT_UPGRADED",
      `the packages of Kubernetes ${plan.to.patch} are not on every node`,
      {
        facts: missed.toSorted(),
        state: plan.fresh
          ? "nothing was upgraded; the cluster runs as before"
          : "no further node was upgraded; the cluster runs",
        hint: `remove the cause, then ${RUN_AGAIN}; a node that is switched off is left for later`,
      },
    );
  }
};

const missing = async (
  { name, isPlane }: PlannedUpgrade,
  { project, plan, asked }: UpgradeJob,
  wants: "plane" | "kubelet",
): Promise<Comeback<undefined>> => {
  const around = await lookByAnyPlane(
    project,
    wants === "plane" ? undefined : name,
    asked,
  );
  if (!("plane" in around)) {
    return { because: around.join("; ") };
  }
  const found = around.nodes.find((one) => one.name === name);
  if (
    isPlane &&
    !around.members.some((one) => one.name === name && one.answers)
  ) {
    return { because: "its etcd does not answer yet" };
  }
  if (found?.ready !== true) {
    return { because: "its kubelet is not Ready yet" };
  }
  return wants === "kubelet" && found.version !== plan.to.patch
    ? { because: `its kubelet is ${found.version || "away"} still` }
    : { because: undefined, found: undefined };
};

const waitFor = async (
  node: PlannedUpgrade,
  job: UpgradeJob,
  { name, asked, stop }: OutOfService,
  wants: "plane" | "kubelet",
): Promise<number> => {
  const { patienceMs } = job;
  const seen = await waitUntil(
    () => missing(node, job, wants),
    patienceMs,
    asked.signal,
  );
  if (seen.seconds === undefined) {
    throw stop({
      message: `${name} was upgraded, and is not Ready within ${formatSeconds(patienceMs / SECOND)}`,
      facts: [`${name}: ${seen.because}`],
      own: wants === "kubelet" ? `${name} takes no new pods` : `${name} runs`,
      hint: `look at \`pi-image doctor ${name}\`; when it is Ready, ${RUN_AGAIN}`,
    });
  }
  return seen.seconds;
};

const upgradePlane = async (
  node: PlannedUpgrade,
  job: UpgradeJob,
  service: OutOfService,
): Promise<void> => {
  const { plan, tell } = job;
  const { name } = node;
  demandOthers(service, await aroundNode(service));
  tell(name, { type: "plane-begun" });
  await demandStep(
    service,
    ["plane", plan.to.patch, plan.nodes[0]?.name === name ? "first" : "next"],
    `${name} may have parts of both versions, which run together`,
  );
  await waitFor(node, job, service, "plane");
  tell(name, { type: "plane-done" });
};

const upgradeKubelet = async (
  node: PlannedUpgrade,
  job: UpgradeJob,
  service: OutOfService,
): Promise<void> => {
  const { plan, packages, tell } = job;
  const { name } = node;
  const around = await aroundNode(service);
  demandOthers(service, around);
  const pods = await makeRoom(service, around);
  tell(
    name,
    pods === undefined ? { type: "alone" } : { type: "drained", pods },
  );
  await demandStep(
    service,
    ["kubelet", plan.to.patch, packages],
    `${name} takes no new pods`,
  );
  const seconds = await waitFor(node, job, service, "kubelet");
  await backInService(service);
  tell(name, { type: "done", seconds });
};

const upgradeNode = async (
  node: PlannedUpgrade,
  job: UpgradeJob,
): Promise<void> => {
  const service = serviceOf(node, job);
  const { isPlane, planeDone, kubeletDone } = node;
  // Its API server may have the version and kubeadm not have come to its end, which only the node knows.
  if (isPlane && !(planeDone && kubeletDone)) {
    await upgradePlane(node, job, service);
  }
  if (!kubeletDone) {
    await upgradeKubelet(node, job, service);
  }
};

/** kube-vip on each control plane, one after the other; the pod network and the add-ons once. */
const renewAddons = async (
  planes: readonly PlannedUpgrade[],
  job: UpgradeJob,
): Promise<void> => {
  const { kubeVip, manifests } = job;
  for (const plane of kubeVip === undefined ? [] : planes) {
    await demandStep(
      serviceOf(plane, job),
      ["kube-vip", kubeVip ?? ""],
      `the control planes have ${job.plan.to.patch}`,
    );
  }
  const [first] = planes;
  if (manifests !== "" && first !== undefined) {
    await demandStep(
      serviceOf(first, job),
      ["manifests"],
      `the control planes have ${job.plan.to.patch}; the pod network runs in its old version`,
      manifests,
    );
  }
};

/**
 * Stops at the first node that is not Ready again: the next one may meet the same trouble. Whatever was done before is not done
 * twice.
 *
 * @throws UserError NODE_NOT_UPGRADED; AbortError when the signal ends a pause
 */
export const runUpgrade = async (job: UpgradeJob): Promise<void> => {
  const { nodes } = job.plan;
  const planes = nodes.filter(({ isPlane }) => isPlane);
  await fetchEverywhere(job);
  if (job.plan.fresh) {
    await job.backUp();
  }
  for (const plane of planes) {
    await upgradeNode(plane, job);
  }
  await job.planesDone();
  await renewAddons(planes, job);
  for (const worker of nodes.filter(({ isPlane }) => !isPlane)) {
    await upgradeNode(worker, job);
  }
};
