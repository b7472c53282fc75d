// What a control plane says of the cluster's nodes and does with them, over SSH.
import { asOneLine } from "../one-line.ts";
import { runNodeScript } from "../over-ssh/run-node-script.ts";
import type { NodeAnswer, OverSsh } from "../over-ssh/run-as-root.ts";

const SECOND = 1000;

/** For questions to its API server and to each member of etcd. */
const LOOK_MS = 90 * SECOND;

/** An earlier run may still be at work on it, which is waited for: `wait_for_turn`. */
const TURN_MS = 400 * SECOND;

/** How long pods have to go, in seconds: longer than most need to end, and PodDisruptionBudgets to be satisfied again. */
export const DRAIN_SECONDS = 300;

export type ClusterNode = {
  readonly name: string;
  /** False also where its kubelet has not been heard of for a while. */
  readonly ready: boolean;
  readonly takesPods: boolean;
  /** Of the boot in which its kubelet spoke last. */
  readonly bootId: string;
  /** Why pi-image keeps pods away from it, as `drainNode` was told; undefined where it does not. */
  readonly mark: string | undefined;
  /** Of its kubelet, such as "1.36.5". */
  readonly version: string;
};

export type EtcdMember = {
  /** Empty for one that was added and never started. */
  readonly name: string;
  readonly address: string;
  readonly votes: boolean;
  readonly answers: boolean;
};

export type Lookout = {
  readonly nodes: readonly ClusterNode[];
  readonly members: readonly EtcdMember[];
};

type Failed = Extract<NodeAnswer, { readonly ok: false }>;

const linesOf = (text: string): readonly (readonly string[])[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => asOneLine(line).split(" "));

const parseLookout = (stdout: string): Lookout => {
  const lines = linesOf(stdout);
  return {
    nodes: lines.flatMap(
      ([kind, name = "", ready, takes, bootId = "", mark, version = ""]) =>
        kind === "node"
          ? {
              name,
              ready: ready === "True",
              takesPods: takes === "yes",
              bootId,
              mark: mark === "-" ? undefined : mark,
              version: version.replace(/^v|^-$/, ""),
            }
          : [],
    ),
    members: lines.flatMap(([kind, ...words]) => {
      const [name = "", address = "", votes, life] = words;
      return kind === "member"
        ? {
            name: name === "-" ? "" : name,
            address,
            votes: votes === "voter",
            answers: life === "answers",
          }
        : [];
    }),
  };
};

/** What the control plane knows; it fails without a majority of etcd's members. */
const lookAround = async (
  plane: string,
  asked: OverSsh,
): Promise<({ readonly ok: true } & Lookout) | Failed> => {
  const answer = await runNodeScript(
    plane,
    ["nodes", "look"],
    "",
    LOOK_MS,
    asked,
  );
  return answer.ok ? { ok: true, ...parseLookout(answer.stdout) } : answer;
};

/**
 * What the first of these control planes that answers knows.
 *
 * @returns the reasons of all, where none knows
 */
export const lookByOneOf = async (
  planes: readonly string[],
  asked: OverSsh,
): Promise<(Lookout & { readonly plane: string }) | readonly string[]> => {
  const silent: string[] = [];
  for (const plane of planes) {
    const looked = await lookAround(plane, asked);
    if (looked.ok) {
      return { nodes: looked.nodes, members: looked.members, plane };
    }
    silent.push(`${plane}: ${looked.because}`);
  }
  return silent;
};

export type Burden = {
  /** `namespace/name` of pods that no controller would make again. */
  readonly alone: readonly string[];
  /** Names of volumes whose data are on the node, with the claim. */
  readonly volumes: readonly string[];
};

/** What would be lost with the node. @param hosts its addresses, by which volumes may name it */
export const burdenOf = async (
  plane: string,
  node: string,
  hosts: readonly string[],
  asked: OverSsh,
): Promise<({ readonly ok: true } & Burden) | Failed> => {
  const answer = await runNodeScript(
    plane,
    ["nodes", "burden", node, ...hosts],
    "",
    LOOK_MS,
    asked,
  );
  if (!answer.ok) {
    return answer;
  }
  const lines = linesOf(answer.stdout);
  return {
    ok: true,
    alone: lines.flatMap(([kind, pod]) =>
      kind === "alone" && pod !== undefined ? pod : [],
    ),
    volumes: lines.flatMap(([kind, volume = "", claim = "-"]) =>
      kind === "volume"
        ? claim === "-"
          ? volume
          : `${volume} (claim ${claim})`
        : [],
    ),
  };
};

export type Draining = {
  /** Why, in a word of `[a-z0-9:-]`, kept at the Node: what a person has cordoned has no such mark, and stays so. */
  readonly mark: string;
  /** How long pods have to go. */
  readonly seconds: number;
  /** Whether pods go that nobody would make again, and those that a PodDisruptionBudget protects. */
  readonly force: boolean;
};

type Drained =
  | {
      readonly ok: true;
      /** `namespace/name` of the pods that were evicted. */
      readonly evicted: readonly string[];
    }
  | Failed;

/**
 * Keeps new pods away from the node and evicts those that it has, but for those of a DaemonSet. A node that the cluster does not
 * know has none. When it fails, the node still takes no new pods.
 */
export const drainNode = async (
  plane: string,
  node: string,
  { mark, seconds, force }: Draining,
  asked: OverSsh,
): Promise<Drained> => {
  const answer = await runNodeScript(
    plane,
    ["nodes", "drain", node, mark, `${seconds}`, ...(force ? ["force"] : [])],
    "",
    seconds * SECOND + TURN_MS,
    asked,
  );
  return answer.ok
    ? {
        ok: true,
        evicted: linesOf(answer.stdout).flatMap(([kind, pod]) =>
          kind === "evicted" && pod !== undefined ? pod : [],
        ),
      }
    : answer;
};

const act = (
  plane: string,
  words: readonly string[],
  asked: OverSsh,
): Promise<NodeAnswer> =>
  runNodeScript(plane, ["nodes", ...words], "", TURN_MS, asked);

/** Lets pods onto the node again, unless it was a person who keeps them away. */
export const uncordonNode = (
  plane: string,
  node: string,
  asked: OverSsh,
): Promise<NodeAnswer> => act(plane, ["uncordon", node], asked);

/** Takes the node's member out of etcd, if it has one. */
export const removeMember = (
  plane: string,
  node: string,
  asked: OverSsh,
): Promise<NodeAnswer> => act(plane, ["leave", node], asked);

/** Deletes the Node and, without waiting for it, what it ran. */
export const deleteNode = (
  plane: string,
  node: string,
  asked: OverSsh,
): Promise<NodeAnswer> => act(plane, ["delete", node], asked);
