// Which nodes are restarted, in which order, and what that means for the cluster.
import type {
  ResolvedNode,
  ResolvedProject,
  Role,
} from "../../inventory/resolved.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import { lookByOneOf, type Lookout } from "./cluster-nodes.ts";
import { askOwnState } from "./own-part.ts";

/** The mark of a node that was drained for a restart: with the boot that is to end. */
const MARK = "restart:";

export type PlannedRestart = {
  readonly name: string;
  readonly role: Role;
  /** Whether it is a node of Kubernetes, which is drained. */
  readonly isNode: boolean;
  /** Of the boot that is to end. */
  readonly bootId: string;
  /** An earlier run has restarted it, and did not see it come back. */
  readonly restarted: boolean;
  /** For what it wants a restart, for the end of a sentence; undefined where it wants none. */
  readonly wants: string | undefined;
  /** Somebody keeps pods away from it, and will find it so again. */
  readonly keptAway: boolean;
};

export type RestartPlan = {
  readonly cluster: string;
  readonly nodes: readonly PlannedRestart[];
  /** Voters of etcd: with one or two, the API is away while one of them restarts. */
  readonly voters: number;
  /** Where nobody has named nodes: why it is not known whether these want a restart. */
  readonly unknown: readonly (readonly [name: string, because: string])[];
};

export type RestartWish =
  | { readonly of: "all" }
  /** Those that want a restart. */
  | { readonly of: "wanting" }
  | { readonly of: "named"; readonly names: readonly string[] };

/** A new kernel that does not start is better met on a worker; without storage or the gateway, all others stand still. */
const ORDER: readonly Role[] = [
  "worker",
  "control-plane",
  "storage",
  "gateway",
];

export const restartMark = (bootId: string): string => `${MARK}${bootId}`;

const refuse = (
  message: string,
  facts: readonly string[],
  hint: string,
): UserError =>
  new UserError("NODE_NOT_RESTARTED", message, {
    facts,
    hint,
    state: "nothing was restarted",
  });

/**
 * What the first control plane that answers knows; others than `last` are asked before it.
 *
 * @returns the reasons of all, where none knows
 */
export const lookByAnyPlane = (
  project: ResolvedProject,
  last: string | undefined,
  asked: OverSsh,
): ReturnType<typeof lookByOneOf> => {
  const planes = controlPlanes(project).map(({ name }) => name);
  return lookByOneOf(
    [
      ...planes.filter((name) => name !== last),
      ...planes.filter((name) => name === last),
    ],
    asked,
  );
};

type Surveyed = {
  readonly node: ResolvedNode;
  readonly own: Awaited<ReturnType<typeof askOwnState>>;
};

const plannedFrom = (
  { node: { name, role }, own }: Surveyed,
  nodes: Lookout["nodes"],
): PlannedRestart | undefined => {
  if (!own.ok) {
    return undefined;
  }
  const found = nodes.find((one) => one.name === name);
  const mark = found?.mark;
  if (mark !== undefined && !mark.startsWith(MARK)) {
    throw refuse(
      `another command is at work on ${name}, or was stopped in the middle: ${mark}`,
      [],
      `let it finish, or run it again; \`kubectl uncordon ${name}\` and \`kubectl annotate node ${name} pi-image/cordoned-\` forget it`,
    );
  }
  const before = mark?.slice(MARK.length);
  return {
    name,
    role,
    isNode: found !== undefined,
    bootId: before ?? own.bootId,
    restarted: before !== undefined && before !== own.bootId,
    wants: own.wants,
    keptAway: found !== undefined && !found.takesPods && mark === undefined,
  };
};

const isChosen = (
  { name, role }: ResolvedNode,
  planned: PlannedRestart,
  wanted: RestartWish,
): boolean => {
  switch (wanted.of) {
    case "all":
      return ORDER.includes(role);
    case "named":
      return wanted.names.includes(name);
    case "wanting":
      return planned.wants !== undefined || planned.restarted;
  }
};

/**
 * Looks at the nodes, and changes none.
 *
 * @throws UserError NODE_NOT_RESTARTED where it is not known how the cluster is, or a node that is named does not answer
 */
export const planRestart = async (
  project: ResolvedProject,
  wanted: RestartWish,
  asked: OverSsh,
): Promise<RestartPlan> => {
  const [around, surveyed] = await Promise.all([
    lookByAnyPlane(project, undefined, asked),
    Promise.all(
      project.nodes.map(async (node) => ({
        node,
        own: await askOwnState(node.name, asked),
      })),
    ),
  ]);
  if (!("plane" in around)) {
    throw refuse(
      "no control plane says how the cluster is",
      around,
      "`pi-image doctor` looks for what is wrong; a node that is no use as it is can be restarted by hand",
    );
  }
  const silent = surveyed.flatMap(({ node, own }) =>
    own.ok ? [] : [[node.name, own.because] as const],
  );
  const missed = silent.filter(
    ([name]) =>
      wanted.of === "all" ||
      (wanted.of === "named" && wanted.names.includes(name)),
  );
  if (missed.length > 0) {
    throw refuse(
      `${missed.length === 1 ? "a node" : `${missed.length} nodes`} cannot be restarted from here`,
      missed.map(([name, because]) => `${name}: ${because}`),
      "switch it on or off by hand, or leave it out",
    );
  }
  const nodes = surveyed.flatMap((one) => {
    const planned = plannedFrom(one, around.nodes);
    return planned !== undefined && isChosen(one.node, planned, wanted)
      ? planned
      : [];
  });
  return {
    cluster: project.cluster.name,
    nodes: ORDER.flatMap((role) => nodes.filter((node) => node.role === role)),
    voters: around.members.filter(({ votes }) => votes).length,
    unknown: wanted.of === "wanting" ? silent : [],
  };
};
