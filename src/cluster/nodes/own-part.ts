// What a node says of itself and does to itself, over SSH.
import { asOneLine } from "../one-line.ts";
import { runNodeScript } from "../over-ssh/run-node-script.ts";
import type { NodeAnswer, OverSsh } from "../over-ssh/run-as-root.ts";

const MINUTE = 60_000;

/** An installation of packages that runs may take the five minutes that the script waits for it, and an earlier run as long. */
const RESTART_MS = 12 * MINUTE;

/** kubeadm stops one container after the other. */
const RETIRE_MS = 20 * MINUTE;

export type OwnState = {
  readonly bootId: string;
  /** Ubuntu's trial of a new kernel is not over: it may restart once more by itself. */
  readonly starting: boolean;
  /** pi-image has not finished it yet. */
  readonly building: boolean;
  /** For what it wants a restart, for the end of a sentence; undefined where it wants none. */
  readonly wants: string | undefined;
};

type Failed = Extract<NodeAnswer, { readonly ok: false }>;

/** @param milliseconds how long it may take; SSH itself gives up on a machine that does not answer after five seconds */
export const askOwnState = async (
  node: string,
  asked: OverSsh,
  milliseconds = MINUTE,
): Promise<({ readonly ok: true } & OwnState) | Failed> => {
  const answer = await runNodeScript(
    node,
    ["self", "state"],
    "",
    milliseconds,
    asked,
  );
  if (!answer.ok) {
    return answer;
  }
  const lines = answer.stdout.split("\n").map(asOneLine);
  const said = (word: string): string | undefined =>
    lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  return {
    ok: true,
    bootId: said("boot") ?? "",
    starting: lines.includes("starting"),
    building: lines.includes("building"),
    wants: said("wants"),
  };
};

/** `ok` means that it will restart within seconds. */
export const restartMachine = (
  node: string,
  asked: OverSsh,
): Promise<NodeAnswer> =>
  runNodeScript(node, ["self", "restart"], "", RESTART_MS, asked);

/** Ends its part in the cluster for good: its kubelet, its containers, its keys and what etcd wrote. */
export const retireMachine = (
  node: string,
  asked: OverSsh,
): Promise<NodeAnswer> =>
  runNodeScript(node, ["self", "retire"], "", RETIRE_MS, asked);
