// A node that is taken out of service for a while, and back: what restarts and upgrades have in common.
import { setTimeout as sleep } from "node:timers/promises";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import {
  DRAIN_SECONDS,
  drainNode,
  type Lookout,
  uncordonNode,
} from "./cluster-nodes.ts";
import { lookByAnyPlane } from "./plan-restart.ts";

const SECOND = 1000;

/** Between two looks at a node that is to come back; they double. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5 * SECOND;

export const RUN_AGAIN =
  "run the same command again: it goes on where it stopped";

/** What is said wherever the command stops. */
type Stopped = {
  readonly message: string;
  readonly facts?: readonly string[];
  /** How the node is. */
  readonly own: string;
  readonly hint: string;
};

export type OutOfService = {
  readonly name: string;
  readonly project: ResolvedProject;
  /** Kept at the Node while pi-image keeps pods away from it; see `Draining`. */
  readonly mark: string;
  /** Whether pods go that cannot be evicted. */
  readonly force: boolean;
  readonly asked: OverSsh;
  /** Of the command, with what it has done and what is left. */
  readonly stop: (stopped: Stopped) => UserError;
  /** What is not done to it, such as "restarted". */
  readonly what: string;
};

export type Around = Lookout & { readonly plane: string };

/** @throws what `stop` makes, where no control plane says how the cluster is */
export const aroundNode = async ({
  name,
  project,
  asked,
  stop,
}: OutOfService): Promise<Around> => {
  const around = await lookByAnyPlane(project, name, asked);
  if (!("plane" in around)) {
    throw stop({
      message: "no control plane says how the cluster is",
      facts: around,
      own: `${name} is as it was`,
      hint: RUN_AGAIN,
    });
  }
  return around;
};

/** Another member that is away already, and this one too, may stop etcd, and nobody could start the cluster from here. */
export const demandOthers = (
  { name, stop, what }: OutOfService,
  { members }: Lookout,
): void => {
  const own = members.find((member) => member.name === name);
  const away = members.filter(
    (member) => member !== own && member.votes && !member.answers,
  );
  if (own !== undefined && away.length > 0) {
    throw stop({
      message: `${name} is not ${what} while ${listed(away.map((member) => member.name || member.address))} ${away.length === 1 ? "is" : "are"} away: etcd could stop`,
      own: `${name} is as it was`,
      hint: "switch the other control plane on, or remove it for good: pi-image node remove",
    });
  }
};

/**
 * Its pods go elsewhere, and no new ones come.
 *
 * @returns the pods that were evicted; undefined where there is no other node that they could go to, and they stay
 */
export const makeRoom = async (
  { name, mark, force, asked, stop, what }: OutOfService,
  { nodes, plane }: Around,
): Promise<readonly string[] | undefined> => {
  if (!nodes.some((one) => one.name !== name && one.ready && one.takesPods)) {
    return undefined;
  }
  const drained = await drainNode(
    plane,
    name,
    { mark, seconds: DRAIN_SECONDS, force },
    asked,
  );
  if (drained.ok) {
    return drained.evicted;
  }
  const back = await uncordonNode(plane, name, asked);
  throw stop({
    message: `${name} is not ${what}, because its pods do not go`,
    facts: [`${plane}: ${drained.because}`],
    own: back.ok
      ? `${name} takes pods again`
      : `${name} takes no new pods; \`kubectl uncordon ${name}\` lets it`,
    hint: "see to these pods and run the command again, or add --force, which deletes them",
  });
};

/** Lets pods onto it again, unless it was a person who keeps them away. */
export const backInService = async (node: OutOfService): Promise<void> => {
  const { name, asked, stop } = node;
  const { plane } = await aroundNode(node);
  const answer = await uncordonNode(plane, name, asked);
  if (!answer.ok) {
    throw stop({
      message: `${name} is back, and takes no pods yet`,
      facts: [`${plane}: ${answer.because}`],
      own: `${name} takes no new pods`,
      hint: RUN_AGAIN,
    });
  }
};

export type Comeback<Found> =
  | { readonly because: string }
  | { readonly because: undefined; readonly found: Found };

/**
 * Looks until nothing is missing.
 *
 * @param missing why not yet, as a sentence
 * @returns what was found, and after how many seconds; undefined and the last reason when patience ends
 */
export const waitUntil = async <Found>(
  missing: () => Promise<Comeback<Found>>,
  patienceMs: number,
  signal: AbortSignal,
): Promise<
  | { readonly seconds: number; readonly found: Found }
  | { readonly seconds: undefined; readonly because: string }
> => {
  // Not the wall clock, which may be set during the run.
  const begin = performance.now();
  let pause = FIRST_PAUSE_MS;
  while (true) {
    const seen = await missing();
    const waited = performance.now() - begin;
    if (seen.because === undefined) {
      return { seconds: Math.round(waited / SECOND), found: seen.found };
    }
    if (waited > patienceMs) {
      return { seconds: undefined, because: seen.because };
    }
    await sleep(pause, undefined, { signal });
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
};
