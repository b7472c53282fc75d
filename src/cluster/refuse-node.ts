// Makes the control planes refuse a node, over SSH, and removes the node from the cluster.
import { askOverSsh } from "./ask-over-ssh.ts";
import { asOneLine } from "./one-line.ts";

/** The script on the node; its source is cloud-init/files/usr/local/lib/pi-image/revoke. */
const SCRIPT = "/usr/local/lib/pi-image/revoke";

/** Longer than the 90 seconds for which the script itself waits for its API server. */
const TIMEOUT_MS = 150_000;

export type NodeAnswer =
  | { readonly ok: true; readonly stdout: string }
  /** The reason, as the second half of a sentence. */
  | { readonly ok: false; readonly because: string };

type Asked = {
  readonly sshConfig: string;
  readonly signal: AbortSignal;
};

const run = async (
  plane: string,
  words: readonly string[],
  input: string,
  { sshConfig, signal }: Asked,
): Promise<NodeAnswer> => {
  const answer = await askOverSsh(plane, ["sudo", "-n", SCRIPT, ...words], {
    sshConfig,
    milliseconds: TIMEOUT_MS,
    signal,
    input,
  });
  if (!answer.ok) {
    return answer;
  }
  const { status, stdout, stderr } = answer.result;
  if (status === 0) {
    return { ok: true, stdout };
  }
  return {
    ok: false,
    because: stderr.includes("command not found")
      ? "its card was made by a pi-image that could not revoke nodes; docs/theft.md says what to type"
      : asOneLine(stderr.trim().split("\n").at(-1) ?? "") ||
        `it ended with status ${status}`,
  };
};

/** Gives one control plane its new file; `ok` means that its API server was seen to refuse the node. */
export const refuseNode = (
  plane: string,
  name: string,
  authorization: string,
  asked: Asked,
): Promise<NodeAnswer> => run(plane, ["refuse", name], authorization, asked);

/** Deletes the node and its pods through one control plane; returns the PodList of what the node ran. */
export const removeNode = (
  plane: string,
  name: string,
  asked: Asked,
): Promise<NodeAnswer> => run(plane, ["remove", name], "", asked);
