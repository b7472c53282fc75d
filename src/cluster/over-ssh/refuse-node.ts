// Makes the control planes refuse a node, over SSH, and removes the node from the cluster.
import { type NodeAnswer, type OverSsh, runAsRoot } from "./run-as-root.ts";

/** The script on the node; its source is cloud-init/files/usr/local/lib/pi-image/revoke. */
const SCRIPT = "/usr/local/lib/pi-image/revoke";

/** Longer than the 90 seconds for which the script itself waits for its API server. */
const TIMEOUT_MS = 150_000;

const run = async (
  plane: string,
  words: readonly string[],
  input: string,
  asked: OverSsh,
): Promise<NodeAnswer> => {
  const answer = await runAsRoot(
    plane,
    [SCRIPT, ...words],
    input,
    TIMEOUT_MS,
    asked,
  );
  return !answer.ok && answer.because.includes("command not found")
    ? {
        ok: false,
        because:
          "its card was made by a pi-image that could not revoke nodes; docs/theft.md says what to type",
      }
    : answer;
};

/** Gives one control plane its new file; `ok` means that its API server was seen to refuse the node. */
export const refuseNode = (
  plane: string,
  name: string,
  authorization: string,
  asked: OverSsh,
): Promise<NodeAnswer> => run(plane, ["refuse", name], authorization, asked);

/** Deletes the node and its pods through one control plane; returns the PodList of what the node ran. */
export const removeNode = (
  plane: string,
  name: string,
  asked: OverSsh,
): Promise<NodeAnswer> => run(plane, ["remove", name], "", asked);
