// What it takes to remove a node from a running cluster, and what speaks against it.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { controlPlanes, knownAddresses } from "../../kubernetes/addresses.ts";
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import {
  type Burden,
  burdenOf,
  type EtcdMember,
  lookByOneOf,
  type Lookout,
} from "./cluster-nodes.ts";
import { askOwnState } from "./own-part.ts";

export type RemovalPlan = {
  readonly node: string;
  readonly cluster: string;
  /** The control plane that does it. */
  readonly plane: string;
  /** Whether the cluster has a Node of this name. */
  readonly isNode: boolean;
  /** Whether its kubelet speaks: otherwise nobody waits for its pods. */
  readonly ready: boolean;
  /** Whether SSH reaches it, and it has a part in the cluster to end. */
  readonly reached: boolean;
  /** How many voters etcd has without it; undefined where it is no member. */
  readonly votersLeft: number | undefined;
  readonly burden: Burden;
};

const UNTOUCHED = "nothing was changed";

const refuse = (
  message: string,
  facts: readonly string[],
  hint: string,
): UserError =>
  new UserError("NODE_NOT_REMOVED", message, { facts, hint, state: UNTOUCHED });

/** The first of the other control planes that knows what is in the cluster. */
const askPlanes = async (
  project: ResolvedProject,
  name: string,
  asked: OverSsh,
): Promise<Lookout & { readonly plane: string }> => {
  const planes = controlPlanes(project)
    .map((plane) => plane.name)
    .filter((plane) => plane !== name);
  const around = await lookByOneOf(planes, asked);
  if ("plane" in around) {
    return around;
  }
  const noMajority = around.some((why) => why.includes("no majority"));
  throw refuse(
    `no control plane can take ${name} out of the cluster`,
    around,
    noMajority
      ? `switch on the control planes that are whole, ${name} too, until more than half of etcd's members run; if they are lost for good, docs/day-2.md says how the cluster begins again from a snapshot`
      : `switch on a control plane and run the command again; if the cluster never ran, delete the lines of ${name} in the inventory by hand`,
  );
};

/** More than half of those who are left must answer, or etcd stops. */
const demandQuorum = (
  name: string,
  members: readonly EtcdMember[],
): number | undefined => {
  const own = members.find((member) => member.name === name);
  if (own === undefined) {
    return undefined;
  }
  const left = members.filter((member) => member !== own && member.votes);
  const silent = left.filter(({ answers }) => !answers);
  if (left.length === 0) {
    throw refuse(
      `${name} is the only member of etcd: without it there is no cluster`,
      [],
      "let another control plane join first; `pi-image watch` shows when it is Ready",
    );
  }
  if (own.votes && (left.length - silent.length) * 2 <= left.length) {
    throw refuse(
      `without ${name} etcd would have no majority: of ${left.length} members ${left.length - silent.length === 0 ? "none" : left.length - silent.length} would answer`,
      silent.map(
        (member) =>
          `${member.name === "" ? "a member that never started" : member.name} at ${member.address} does not answer`,
      ),
      `switch on ${listed(silent.map((member) => member.name || member.address))}, or remove ${silent.length === 1 ? "it" : "them"} first`,
    );
  }
  return left.length;
};

/** Data that are on no other machine. */
const demandNothingLost = (
  name: string,
  { alone, volumes }: Burden,
  ready: boolean,
  force: boolean,
): void => {
  const pods = ready ? alone : [];
  if (force || (pods.length === 0 && volumes.length === 0)) {
    return;
  }
  throw refuse(
    `${name} has what would be lost with it`,
    [
      ...pods.map((pod) => `the pod ${pod}, which no controller makes again`),
      ...volumes.map((volume) => `the volume ${volume}`),
    ],
    "move it or delete it; with --force it is lost",
  );
};

/**
 * Looks at the cluster and at the node, and changes neither.
 *
 * @throws UserError NODE_NOT_REMOVED where it cannot be done, or where more would be lost than the node
 */
export const planRemoval = async (
  project: ResolvedProject,
  name: string,
  force: boolean,
  asked: OverSsh,
): Promise<RemovalPlan> => {
  const node = project.nodes.find((one) => one.name === name);
  const [around, own] = await Promise.all([
    askPlanes(project, name, asked),
    node?.joins === true
      ? askOwnState(name, asked)
      : ({ ok: false, because: "the inventory does not have it" } as const),
  ]);
  const { plane, nodes, members } = around;
  const found = nodes.find((one) => one.name === name);
  const ready = found?.ready === true;
  if (ready && !own.ok) {
    throw refuse(
      `${name} runs, and SSH does not reach it: it would come back when its kubelet starts again`,
      [`${name}: ${own.because}`],
      `let SSH reach it, or switch it off and wait a minute until the cluster has noticed, then run the command again`,
    );
  }
  const votersLeft = demandQuorum(name, members);
  const hosts = node === undefined ? [] : knownAddresses(node);
  const burden = await burdenOf(plane, name, hosts, asked);
  if (!burden.ok) {
    throw refuse(
      `it is not known what would be lost with ${name}`,
      [`${plane}: ${burden.because}`],
      "run the command again when that control plane answers",
    );
  }
  demandNothingLost(name, burden, ready, force);
  return {
    node: name,
    cluster: project.cluster.name,
    plane,
    isNode: found !== undefined,
    ready,
    reached: own.ok,
    votersLeft,
    burden: { alone: burden.alone, volumes: burden.volumes },
  };
};
