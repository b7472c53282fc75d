// A node's part in a rotation of the authorities, over SSH.
import { base64 } from "../../kubernetes/render-kubeconfig.ts";
import type {
  JoinedRole,
  NodeFiles,
} from "../../kubernetes/rotation/held-files.ts";
import type { Turn } from "../../kubernetes/rotation/node-turn.ts";
import type { RotationStep } from "../../kubernetes/secrets/cluster-secrets.ts";
import { asOneLine } from "../one-line.ts";
import type { NodeAnswer, OverSsh } from "./run-as-root.ts";
import { runNodeScript } from "./run-node-script.ts";

const MINUTE = 60_000;

/** For an answer that needs nothing but the node's own files, or one question to its API server. */
const LOOK_MS = MINUTE;

/** The script waits five minutes at most for each of its containers and its kubelet. */
const TURN_MS = 40 * MINUTE;

/** As above, and ten minutes for pods that are replaced. */
const SETTLE_MS = 30 * MINUTE;

const run = (
  node: string,
  words: readonly string[],
  input: string,
  milliseconds: number,
  asked: OverSsh,
): Promise<NodeAnswer> =>
  runNodeScript(node, ["rotate", ...words], input, milliseconds, asked);

const linesOf = (text: string): readonly string[] =>
  text.split("\n").filter((line) => line !== "");

type Looked =
  | { readonly ok: true; readonly files: NodeFiles }
  | Extract<NodeAnswer, { readonly ok: false }>;

/** The node's certificates, without their keys. */
export const lookAtNode = async (
  node: string,
  asked: OverSsh,
): Promise<Looked> => {
  const answer = await run(node, ["look"], "", LOOK_MS, asked);
  if (!answer.ok) {
    return answer;
  }
  return {
    ok: true,
    files: new Map(
      linesOf(answer.stdout).map((line) => {
        const [path = "", data = ""] = line.split(" ");
        return [path, Buffer.from(data, "base64").toString()];
      }),
    ),
  };
};

/** The names of the cluster's nodes, one a line. */
export const clusterMembers = (
  plane: string,
  asked: OverSsh,
): Promise<NodeAnswer> => run(plane, ["members"], "", LOOK_MS, asked);

/** The lines that the script reads. */
export const turnLines = ({ files, links, removed }: Turn): string =>
  [
    ...files.map(
      ([path, content]) => `file ${path} ${base64(content.reveal())}`,
    ),
    ...links.map(([path, target]) => `link ${path} ${target}`),
    ...removed.map((path) => `remove ${path} -`),
    "end",
    "",
  ].join("\n");

/** Lays files on the node; `ok` means that it was seen to work with them. */
export const takeTurn = (
  node: string,
  role: JoinedRole,
  turn: Turn,
  asked: OverSsh,
): Promise<NodeAnswer> =>
  run(node, ["turn", role, node], turnLines(turn), TURN_MS, asked);

type Settled =
  | {
      readonly ok: true;
      /** `namespace/name` of the Secrets that got a new token. */
      readonly tokens: readonly string[];
      /** `namespace/name` of the pods that were not replaced. */
      readonly pods: readonly string[];
    }
  | Extract<NodeAnswer, { readonly ok: false }>;

/** Has the cluster's objects and pods follow a step that every node has taken. */
export const settleCluster = async (
  plane: string,
  step: RotationStep,
  asked: OverSsh,
): Promise<Settled> => {
  const answer = await run(plane, ["settle", step], "", SETTLE_MS, asked);
  if (!answer.ok) {
    return answer;
  }
  const named = (kind: string): readonly string[] =>
    linesOf(answer.stdout)
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => asOneLine(line.slice(kind.length + 1)));
  return { ok: true, tokens: named("token"), pods: named("pod") };
};
