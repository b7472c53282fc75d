// The steps of an upgrade on one node, over SSH.
import { asOneLine } from "../one-line.ts";
import type { NodeAnswer, OverSsh } from "../over-ssh/run-as-root.ts";
import { runNodeScript } from "../over-ssh/run-node-script.ts";

const MINUTE = 60_000;

/** On a slow card and a slow line: the script itself gives up on each of its commands earlier than that. */
const STEP_MS = 150 * MINUTE;

export type NodeVersions = {
  /** Of what is installed, such as "1.36.5"; empty where it is not. */
  readonly kubelet: string;
  /** Of the API server that it is to run; undefined on a worker. */
  readonly plane: string | undefined;
  /** Such as `containerd` and `2.1.3`. */
  readonly runtime: readonly [name: string, version: string];
  /** Whether its packages come from a repository of one minor. */
  readonly apt: boolean;
  /** pi-image has not finished it yet. */
  readonly building: boolean;
};

type Failed = Extract<NodeAnswer, { readonly ok: false }>;

export const askVersions = async (
  node: string,
  asked: OverSsh,
): Promise<({ readonly ok: true } & NodeVersions) | Failed> => {
  const answer = await runNodeScript(
    node,
    ["upgrade", "state"],
    "",
    MINUTE,
    asked,
  );
  if (!answer.ok) {
    return answer;
  }
  const lines = answer.stdout
    .split("\n")
    .map((line) => asOneLine(line).split(" "));
  const said = (word: string): readonly string[] | undefined =>
    lines.find(([kind]) => kind === word)?.slice(1);
  const [runtime = "", version = ""] = said("runtime") ?? [];
  return {
    ok: true,
    kubelet: said("kubelet")?.[0] ?? "",
    plane: said("plane")?.[0],
    runtime: [runtime, version],
    apt: said("packages")?.[0] === "apt",
    building: said("building") !== undefined,
  };
};

/** One step, as cloud-init/over-ssh/upgrade says. Each does nothing where it was done before. */
export type UpgradeStep =
  | readonly ["fetch", version: string, packages: string]
  | readonly ["plane", version: string, which: "first" | "next"]
  | readonly ["kubelet", version: string, packages: string]
  | readonly ["kube-vip", image: string]
  | readonly ["manifests"];

export const runStep = (
  node: string,
  step: UpgradeStep,
  asked: OverSsh,
  input = "",
): Promise<NodeAnswer> =>
  runNodeScript(node, ["upgrade", ...step], input, STEP_MS, asked);
