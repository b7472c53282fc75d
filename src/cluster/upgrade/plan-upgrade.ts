// Which nodes get a version of Kubernetes, in which order, and what speaks against it.
import type {
  KubernetesVersion,
  ResolvedNode,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import { FIRST_WITH_CONTAINERD_2 } from "../../inventory/boards/systems.ts";
import { listed } from "../../inventory/wording.ts";
import { UserError } from "../../report/user-error.ts";
import { lookByAnyPlane } from "../nodes/plan-restart.ts";
import type { Lookout } from "../nodes/cluster-nodes.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import { askVersions, type NodeVersions } from "./node-upgrade.ts";

/** The mark of a node that was drained for an upgrade. */
export const UPGRADE_MARK = "upgrade";

export type PlannedUpgrade = {
  readonly name: string;
  readonly isPlane: boolean;
  /** Of its kubelet, such as "1.36.5". */
  readonly from: string;
  /** Whether its API server, or its kubelet, has the version already. */
  readonly planeDone: boolean;
  readonly kubeletDone: boolean;
  /** Somebody keeps pods away from it, and will find it so again. */
  readonly keptAway: boolean;
};

export type UpgradePlan = {
  readonly cluster: string;
  /** The oldest that an API server of the cluster has, such as "1.36.5". */
  readonly from: string;
  readonly to: KubernetesVersion;
  /** Control planes first, those that have the version too. */
  readonly nodes: readonly PlannedUpgrade[];
  /** Whether no node has begun yet. */
  readonly fresh: boolean;
  /** Workers that the next run is for, and why. */
  readonly left: readonly (readonly [name: string, because: string])[];
};

const UNTOUCHED = "nothing was upgraded";

const refuse = (
  message: string,
  hint: string,
  facts: readonly string[] = [],
): UserError =>
  new UserError("NODE_NOT_UPGRADED", message, {
    facts,
    hint,
    state: UNTOUCHED,
  });

const numbers = (version: string): readonly number[] =>
  version.split(".").map(Number);

/** Below 0 where a is older than b. */
const compared = (a: string, b: string): number => {
  const [x, y] = [numbers(a), numbers(b)];
  const at = x.findIndex((part, index) => part !== y[index]);
  return at === -1 ? 0 : (x[at] ?? 0) - (y[at] ?? 0);
};

const minorOf = (version: string): number => numbers(version)[1] ?? 0;

type Known = {
  readonly node: ResolvedNode;
  readonly versions: NodeVersions;
};

/** A kubelet may be three minors older than its API server: https://kubernetes.io/releases/version-skew-policy/#kubelet */
const KUBELET_LAG = 3;

/** Pure. @throws UserError NODE_NOT_UPGRADED where the versions do not go together */
export const demandSkew = (
  known: readonly Known[],
  to: KubernetesVersion,
  from: string,
): void => {
  const target = minorOf(to.patch);
  const [, minor = ""] = to.minor.split(".");
  if (target > minorOf(from) + 1) {
    const next = `1.${minorOf(from) + 1}`;
    throw refuse(
      `the cluster runs Kubernetes ${from}, and kubeadm upgrades one minor at a time`,
      `first: pi-image upgrade --to ${next}`,
    );
  }
  for (const {
    node: { name },
    versions: { kubelet, plane, runtime },
  } of known) {
    const newest =
      plane !== undefined && compared(plane, kubelet) > 0 ? plane : kubelet;
    if (compared(newest, to.patch) > 0) {
      throw refuse(
        `${name} runs Kubernetes ${newest}, which is newer than ${to.patch}, and nothing goes back to an older one`,
        `to bring the others to it: pi-image upgrade --to ${newest}; the state from before: pi-image build --restore (docs/day-2.md)`,
      );
    }
    if (target - minorOf(kubelet) > KUBELET_LAG) {
      throw refuse(
        `the kubelet of ${name} is ${kubelet}, and may be no more than three minors older than the API server`,
        `flash its card anew, then upgrade`,
      );
    }
    if (
      Number(minor) >= FIRST_WITH_CONTAINERD_2 &&
      runtime[0] === "containerd" &&
      runtime[1].startsWith("1.")
    ) {
      throw refuse(
        `Kubernetes ${to.minor} needs containerd 2, and ${name} has ${runtime[1]}`,
        `flash its card anew with a newer base image, or with \`runtime: containerd-docker\`; Kubernetes ${from.split(".").slice(0, 2).join(".")} goes on meanwhile`,
      );
    }
  }
};

const demandPlanes = (
  planes: readonly ResolvedNode[],
  { members, nodes }: Lookout,
): void => {
  const silent = members.filter(({ answers, votes }) => !answers || !votes);
  const unready = planes.filter(
    ({ name }) => nodes.find((one) => one.name === name)?.ready !== true,
  );
  const away = [
    ...new Set([
      ...silent.map(({ name, address }) => name || address),
      ...unready.map(({ name }) => name),
    ]),
  ];
  if (away.length > 0) {
    throw refuse(
      `${listed(away)} ${away.length === 1 ? "is" : "are"} away, and each control plane's turn needs all of the others`,
      "switch it on, or remove it for good: pi-image node remove; `pi-image doctor` looks for what is wrong",
    );
  }
};

const unfit = (
  { node: { name }, versions }: Known,
  nodes: Lookout["nodes"],
): string | undefined =>
  versions.building
    ? "pi-image is still building it: `pi-image watch` shows how far it is"
    : versions.kubelet === "" || !nodes.some((one) => one.name === name)
      ? "it is no node of the cluster"
      : versions.apt
        ? undefined
        : "its system's packages have only the newest version: a card that is flashed anew gets that";

const demandNoOther = (nodes: Lookout["nodes"]): void => {
  const taken = nodes.find(
    ({ mark }) => mark !== undefined && mark !== UPGRADE_MARK,
  );
  if (taken !== undefined) {
    throw refuse(
      `another command is at work on ${taken.name}, or was stopped in the middle: ${taken.mark}`,
      `let it finish, or run it again; \`kubectl uncordon ${taken.name}\` and \`kubectl annotate node ${taken.name} pi-image/cordoned-\` forget it`,
    );
  }
};

/**
 * Looks at the nodes, and changes none.
 *
 * @throws UserError NODE_NOT_UPGRADED where the cluster is not as an upgrade needs it
 */
export const planUpgrade = async (
  project: ResolvedProject,
  to: KubernetesVersion,
  asked: OverSsh,
): Promise<UpgradePlan> => {
  const members = project.nodes.filter(({ joins }) => joins);
  const isPlane = ({ role }: ResolvedNode): boolean => role === "control-plane";
  const [around, asking] = await Promise.all([
    lookByAnyPlane(project, undefined, asked),
    Promise.all(
      members.map(async (node) => ({
        node,
        answer: await askVersions(node.name, asked),
      })),
    ),
  ]);
  if (!("plane" in around)) {
    throw refuse(
      "no control plane says how the cluster is",
      "`pi-image doctor` looks for what is wrong",
      around,
    );
  }
  const { nodes } = around;
  demandPlanes(members.filter(isPlane), around);
  demandNoOther(nodes);
  const known = asking.flatMap(({ node, answer }) =>
    answer.ok ? { node, versions: answer } : [],
  );
  const reasons = asking.flatMap(({ node, answer }) => {
    const because = answer.ok
      ? unfit({ node, versions: answer }, nodes)
      : answer.because;
    return because === undefined ? [] : [{ node, because }];
  });
  const kept = reasons.filter(({ node }) => isPlane(node));
  if (kept.length > 0) {
    throw refuse(
      `${listed(kept.map(({ node }) => node.name))} cannot be upgraded from here`,
      "without each control plane none is upgraded",
      kept.map(({ node, because }) => `${node.name}: ${because}`),
    );
  }
  const fit = known.filter(
    ({ node }) => !reasons.some((one) => one.node === node),
  );
  const [from = to.patch] = fit
    .flatMap(({ versions: { plane } }) => plane ?? [])
    .toSorted(compared);
  demandSkew(fit, to, from);
  const planned = fit
    .filter(({ node }) => isPlane(node))
    .concat(fit.filter(({ node }) => !isPlane(node)))
    .map(({ node, versions }) => {
      const found = nodes.find(({ name }) => name === node.name);
      return {
        name: node.name,
        isPlane: isPlane(node),
        from: versions.kubelet,
        planeDone: versions.plane === undefined || versions.plane === to.patch,
        // Also what it has told the cluster: it may have been installed, and not started.
        kubeletDone:
          versions.kubelet === to.patch &&
          found?.version === to.patch &&
          found.mark === undefined,
        keptAway:
          found !== undefined && !found.takesPods && found.mark === undefined,
      };
    });
  return {
    cluster: project.cluster.name,
    from,
    to,
    nodes: planned,
    fresh: fit.every(
      ({ versions }) =>
        versions.plane !== to.patch && versions.kubelet !== to.patch,
    ),
    left: reasons.map(({ node, because }) => [node.name, because] as const),
  };
};
