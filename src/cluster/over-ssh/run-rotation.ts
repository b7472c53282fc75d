// Replaces the authorities of a running cluster, step by step and one node after the other.
import { webcrypto } from "node:crypto";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import {
  hasForeignEncryption,
  hasOldCertificates,
  type NodeFiles,
  obstacles,
} from "../../kubernetes/rotation/held-files.ts";
import { nodeTurn } from "../../kubernetes/rotation/node-turn.ts";
import type { RotationPlan } from "../../kubernetes/rotation/plan-rotation.ts";
import {
  beginRotation,
  endStep,
  noteTurn,
} from "../../kubernetes/rotation/rotation-steps.ts";
import type {
  ClusterSecrets,
  RotationStep,
} from "../../kubernetes/secrets/cluster-secrets.ts";
import type { Making } from "../../kubernetes/secrets/make-cluster-secrets.ts";
import {
  changeKeptSecrets,
  type StoreOptions,
} from "../../kubernetes/secrets/store-secrets.ts";
import { UserError, withState } from "../../report/user-error.ts";
import {
  clusterMembers,
  lookAtNode,
  settleCluster,
  takeTurn,
} from "./rotate-node.ts";
import type { OverSsh } from "./run-as-root.ts";

type PlannedNode = RotationPlan["nodes"][number];

const UNTOUCHED = "nothing was changed";

const refuse = (
  message: string,
  facts: readonly string[],
  hint: string,
): UserError =>
  new UserError("AUTHORITY_NOT_ROTATED", message, {
    facts,
    hint,
    state: UNTOUCHED,
  });

/** A node that is left out would be lost with the old authorities. */
const demandNoStrangers = async (
  { nodes }: RotationPlan,
  asked: OverSsh,
): Promise<void> => {
  const [plane] = nodes;
  const answer = await clusterMembers(plane?.name ?? "", asked);
  if (!answer.ok) {
    throw refuse(
      "the cluster does not say which nodes it has",
      [`${plane?.name}: ${answer.because}`],
      "a cluster is rotated while it works; `pi-image doctor` looks for what is wrong",
    );
  }
  const strangers = answer.stdout
    .split("\n")
    .filter((name) => name !== "" && nodes.every((node) => node.name !== name));
  if (strangers.length > 0) {
    throw refuse(
      "the cluster has nodes that the inventory does not have, and they would be lost",
      strangers,
      "add them to the inventory, or take them out of the cluster: pi-image node remove NAME",
    );
  }
};

/**
 * Looks at every node and changes none.
 *
 * @returns the control planes whose key for Secrets has to stay, because somebody has changed their encryption.yaml
 * @throws UserError AUTHORITY_NOT_ROTATED where a node does not answer or cannot take part
 */
export const demandWholeCluster = async (
  plan: RotationPlan,
  secrets: ClusterSecrets,
  asked: OverSsh,
): Promise<readonly string[]> => {
  const all = await Promise.all(
    plan.nodes.map(async (node) => ({
      node,
      looked: await lookAtNode(node.name, asked),
    })),
  );
  const silent = all.flatMap(({ node, looked }) =>
    looked.ok ? [] : [`${node.name}: ${looked.because}`],
  );
  if (silent.length > 0) {
    throw refuse(
      `not every node can be asked, and one that is left out would be lost`,
      silent,
      "switch them on; take out a node that does not come back: pi-image node remove NAME",
    );
  }
  const wrong = all.flatMap(({ node, looked }) =>
    looked.ok
      ? obstacles(looked.files, node.role, secrets).map(
          (obstacle) => `${node.name}: ${obstacle}`,
        )
      : [],
  );
  if (wrong.length > 0) {
    throw refuse(
      "the nodes are not as kubeadm and pi-image have made them",
      wrong,
      "put back what was changed; docs/theft.md says how to make a new cluster instead",
    );
  }
  if (!plan.begun) {
    await demandNoStrangers(plan, asked);
  }
  return all.flatMap(({ node, looked }) =>
    looked.ok && hasForeignEncryption(looked.files, secrets) ? [node.name] : [],
  );
};

type RotationEvent =
  | {
      readonly type: "turn";
      readonly step: RotationStep;
      readonly node: string;
      /** How many nodes have taken this step. */
      readonly done: number;
    }
  | {
      readonly type: "settled";
      readonly step: RotationStep;
      /** `namespace/name` of Secrets whose long-lived token is a new one. */
      readonly tokens: readonly string[];
      /** `namespace/name` of pods that nobody replaced. */
      readonly pods: readonly string[];
    };

export type RotationJob = {
  readonly project: ResolvedProject;
  readonly plan: RotationPlan;
  /** Path of the secrets file. */
  readonly file: string;
  readonly storing: StoreOptions;
  readonly asked: OverSsh;
  readonly keepEncryptionKey: boolean;
  readonly tell: (event: RotationEvent) => void;
  /** Called after each step with the secrets of today, for what the laptop itself has. */
  readonly follow: (secrets: ClusterSecrets) => Promise<void>;
};

const WHERE: Readonly<Record<RotationStep, string>> = {
  trust:
    "the old authorities still sign, and some nodes trust the new ones as well",
  issue: "every node trusts both, and the new authorities begin to sign",
  retire:
    "everything is signed by the new authorities, and some nodes still trust the old ones as well",
};

const AGAIN =
  "run the same command again: it goes on where it stopped, and until then no card can be built";

const making = (): Making => ({ now: new Date(), crypto: webcrypto });

const stopped = (step: RotationStep, where: string, because: string) =>
  new UserError("AUTHORITY_NOT_ROTATED", `the step ${step} stopped ${where}`, {
    facts: [because],
    state: WHERE[step],
    hint: AGAIN,
  });

const lookAt = async (
  { name }: PlannedNode,
  step: RotationStep,
  { asked }: RotationJob,
): Promise<NodeFiles> => {
  const looked = await lookAtNode(name, asked);
  if (!looked.ok) {
    throw stopped(step, `at ${name}`, looked.because);
  }
  return looked.files;
};

const give = async (
  node: PlannedNode,
  step: RotationStep,
  files: NodeFiles,
  secrets: ClusterSecrets,
  { asked }: RotationJob,
): Promise<void> => {
  const turn = await nodeTurn(files, node.role, secrets, making());
  const answer = await takeTurn(node.name, node.role, turn, asked);
  if (!answer.ok) {
    throw stopped(step, `at ${node.name}`, answer.because);
  }
};

/** While the control planes took the step, a kubelet may have got a certificate of the old authority again. */
const giveToStragglers = async (
  secrets: ClusterSecrets,
  job: RotationJob,
): Promise<void> => {
  for (const node of job.plan.nodes) {
    const files = await lookAt(node, "issue", job);
    if (hasOldCertificates(files, secrets)) {
      await give(node, "issue", files, secrets, job);
    }
  }
};

/** Two runs at once would give nodes what belongs to different steps. */
const demandStep = ({ rotation }: ClusterSecrets, step: RotationStep): void => {
  if (rotation?.step !== step) {
    throw new UserError(
      "AUTHORITY_NOT_ROTATED",
      `another run is replacing the authorities, and has left the step ${step}`,
      {
        hint: "let it finish; `pi-image secrets status` shows how far it is",
        state: "this run does nothing more",
      },
    );
  }
};

const takeStep = async (
  step: RotationStep,
  before: ClusterSecrets,
  job: RotationJob,
): Promise<ClusterSecrets> => {
  const { plan, file, storing, asked, tell } = job;
  let secrets = before;
  demandStep(secrets, step);
  for (const node of plan.nodes) {
    if (secrets.rotation?.done.includes(node.name) === true) {
      continue;
    }
    const files = await lookAt(node, step, job);
    await give(node, step, files, secrets, job);
    ({ secrets } = await changeKeptSecrets(
      file,
      async (existing) => noteTurn(existing, step, node.name),
      storing,
    ));
    demandStep(secrets, step);
    const done = secrets.rotation?.done.length ?? 0;
    tell({ type: "turn", step, node: node.name, done });
  }
  if (step === "issue") {
    await giveToStragglers(secrets, job);
  }
  const [plane] = plan.nodes;
  const settled = await settleCluster(plane?.name ?? "", step, asked);
  if (!settled.ok) {
    throw stopped(
      step,
      "after every node had taken it",
      `${plane?.name}: ${settled.because}`,
    );
  }
  const { tokens, pods } = settled;
  tell({ type: "settled", step, tokens, pods });
  return secrets;
};

/** A run that is stopped says how far it came. */
const withStep = (error: unknown, step: RotationStep): unknown =>
  error instanceof UserError && error.state === undefined
    ? withState(error, `${WHERE[step]}; ${AGAIN}`)
    : error;

/**
 * The documented way, with each of its steps on all nodes before the next begins:
 * https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
 *
 * The secrets file notes every turn, so that another run goes on where this one was stopped.
 *
 * @throws UserError AUTHORITY_NOT_ROTATED, and those of the secrets file
 */
export const runRotation = async (
  job: RotationJob,
): Promise<ClusterSecrets> => {
  const { project, plan, file, storing, keepEncryptionKey, follow } = job;
  const begun = await changeKeptSecrets(
    file,
    (existing) => beginRotation(existing, project, making(), keepEncryptionKey),
    storing,
  );
  let { secrets } = begun;
  for (const { step } of plan.steps) {
    try {
      secrets = await takeStep(step, secrets, job);
      ({ secrets } = await changeKeptSecrets(
        file,
        (existing) => endStep(existing, step, project, making()),
        storing,
      ));
      await follow(secrets);
    } catch (error) {
      throw withStep(error, step);
    }
  }
  return secrets;
};
