// Reads over SSH what a node holds of the cluster's secrets.
import type { HeldSecrets } from "../../kubernetes/secrets/adopt-secrets.ts";
import { secret, type Secret } from "../../report/secret.ts";
import type { NodeAnswer, OverSsh } from "./run-as-root.ts";
import { runNodeScript } from "./run-node-script.ts";

const ANSWER_MS = 60_000;

type Failed = Extract<NodeAnswer, { readonly ok: false }>;

type Held = Failed | { readonly ok: true; readonly held: HeldSecrets };

const rowsOf = (text: string): readonly (readonly [string, string])[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", value = ""] = line.split(" ");
      return [name, value];
    });

const decoded = (value: string): string =>
  Buffer.from(value, "base64").toString();

const heldFiles = (text: string): ReadonlyMap<string, Secret> =>
  new Map(
    rowsOf(text)
      .filter(([name]) => name.startsWith("/"))
      .map(([path, value]) => [path, secret(decoded(value))]),
  );

/** The authorities with their keys, of a control plane. */
export const readAuthorities = async (
  plane: string,
  asked: OverSsh,
): Promise<Held> => {
  const words = ["adopt", "authorities"] as const;
  const answer = await runNodeScript(plane, words, "", ANSWER_MS, asked);
  if (!answer.ok) {
    return answer;
  }
  const rows = new Map(rowsOf(answer.stdout));
  const token = rows.get("token");
  return {
    ok: true,
    held: {
      files: heldFiles(answer.stdout),
      kubeadm: decoded(rows.get("kubeadm") ?? ""),
      token: token === undefined ? undefined : secret(token),
    },
  };
};

/** The files of a node's SSH host key. */
export const readHostKey = async (
  node: string,
  asked: OverSsh,
): Promise<
  Failed | { readonly ok: true; readonly files: ReadonlyMap<string, Secret> }
> => {
  const words = ["adopt", "host-key"] as const;
  const answer = await runNodeScript(node, words, "", ANSWER_MS, asked);
  return answer.ok ? { ok: true, files: heldFiles(answer.stdout) } : answer;
};
