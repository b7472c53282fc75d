// Runs a script on a node as root, over SSH.
import { askOverSsh } from "./ask-over-ssh.ts";
import { asOneLine } from "../one-line.ts";

export type NodeAnswer =
  | { readonly ok: true; readonly stdout: string }
  /** The reason, as the second half of a sentence. */
  | { readonly ok: false; readonly because: string };

export type OverSsh = {
  readonly sshConfig: string;
  readonly signal: AbortSignal;
};

/** A script says in the last line of its stderr what went wrong. */
export const runAsRoot = async (
  node: string,
  words: readonly string[],
  input: string,
  milliseconds: number,
  { sshConfig, signal }: OverSsh,
): Promise<NodeAnswer> => {
  const answer = await askOverSsh(node, ["sudo", "-n", ...words], {
    sshConfig,
    milliseconds,
    signal,
    input,
  });
  if (!answer.ok) {
    return answer;
  }
  const { status, stdout, stderr } = answer.result;
  return status === 0
    ? { ok: true, stdout }
    : {
        ok: false,
        because:
          asOneLine(stderr.trim().split("\n").at(-1) ?? "") ||
          `it ended with status ${status}`,
      };
};
