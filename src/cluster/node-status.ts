// Asks a node, by SSH with its pinned host key, for the status file that its unit keeps.
import { z } from "zod";
import { tryTool } from "../system/run-tool.ts";

/** Written by the node unit: cloud-init/files/usr/local/lib/pi-image/lib.sh. */
const STATUS_FILE = "/var/lib/pi-image/status.json";

const statusFile = z.object({
  phase: z.string(),
  state: z.string(),
  message: z.string().optional(),
});

export type NodeStatus = {
  readonly phase: string;
  readonly state: string;
  readonly message: string | undefined;
};

export type StatusAnswer =
  | { readonly ok: true; readonly status: NodeStatus }
  | { readonly ok: false; readonly because: string };

/** ssh(1) itself failed, and not the command on the node. */
const SSH_FAILED = 255;

/** `sshConfig` is the file that `build` wrote; nothing is asked of the user. */
export const askNodeStatus = async (
  node: string,
  sshConfig: string,
  signal: AbortSignal,
): Promise<StatusAnswer> => {
  const result = await tryTool(
    "ssh",
    [
      "-F",
      sshConfig,
      "-o",
      "BatchMode=yes",
      "-o",
      "ConnectTimeout=5",
      node,
      "cat",
      STATUS_FILE,
    ],
    { signal, package: "openssh-client" },
  );
  if (result.status !== 0) {
    const reason = result.stderr.trim().split("\n").at(-1) ?? "";
    return {
      ok: false,
      because:
        result.status === SSH_FAILED
          ? `SSH does not get in: ${reason}`
          : "the node has not written its status yet: cloud-init is still at work or found no seed",
    };
  }
  try {
    const { phase, state, message } = statusFile.parse(
      JSON.parse(result.stdout),
    );
    return { ok: true, status: { phase, state, message } };
  } catch {
    return { ok: false, because: "the node's status file cannot be read" };
  }
};
