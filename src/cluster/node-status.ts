// Asks a node, by SSH with its pinned host key, for the status file that its unit keeps.
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { oneLine } from "./one-line.ts";
import { tryTool, type ToolResult } from "../system/run-tool.ts";

/** Written by the node unit: cloud-init/files/usr/local/lib/pi-image/lib.sh. */
const STATUS_FILE = "/var/lib/pi-image/status.json";

const line = z.string().transform(oneLine);

const statusFile = z.object({
  node: line,
  cluster: line,
  phase: line,
  state: line,
  message: line.default(""),
  attempt: z.number().default(1),
  /** What is worth knowing of the node as long as it lives, such as the outcome of the PCIe trial. */
  notes: z.record(z.string().max(30), line).default({}),
});

/** What the node unit says of itself; `state` is running, waiting, failed-retrying or done. */
export type NodeStatus = z.infer<typeof statusFile>;

export type StatusAnswer =
  | { readonly ok: true; readonly status: NodeStatus }
  | {
      readonly ok: false;
      /** A half-sentence. */
      readonly because: string;
    };

/** ssh(1) itself failed, and not the command on the node. */
export const SSH_FAILED = 255;

/** A node that swaps or whose card is dying may accept the connection and never answer. */
const TIMEOUT_MS = 10_000;

export const sshFailure = (stderr: string): string => {
  if (
    stderr.includes("Host key verification failed") ||
    stderr.includes("HOST IDENTIFICATION HAS CHANGED")
  ) {
    return "another computer answers, or the card was made with other secrets: the host key is not this node's";
  }
  if (stderr.includes("Permission denied")) {
    return "SSH accepts none of your keys; is the right one in the agent or in ~/.ssh?";
  }
  // What the gateway on the way says; of its end, ssh then knows no more than that the connection was closed.
  const unreached = /open failed: connect failed: (.+)/.exec(stderr)?.[1];
  if (unreached !== undefined) {
    return `its gateway does not reach it: ${oneLine(unreached)}`;
  }
  const last = oneLine(stderr.trim().split("\n").at(-1) ?? "");
  return `SSH cannot connect${last === "" ? "" : `: ${last}`}`;
};

const answerOf = ({ status, stdout, stderr }: ToolResult): StatusAnswer => {
  if (status === SSH_FAILED) {
    return { ok: false, because: sshFailure(stderr) };
  }
  if (status !== 0) {
    return {
      ok: false,
      because:
        "the node has not written its status yet: cloud-init is still running or found no seed",
    };
  }
  try {
    return { ok: true, status: statusFile.parse(JSON.parse(stdout)) };
  } catch (error) {
    return ifOneOf(error, [SyntaxError, z.ZodError], {
      ok: false,
      because: "the node's status file cannot be read",
    });
  }
};

/**
 * The node's own word. Nothing is asked of the user, and a computer without ssh only has no answer.
 *
 * @param sshConfig file with a `Host` block for the node
 */
export const askNodeStatus = async (
  node: string,
  sshConfig: string,
  signal: AbortSignal,
): Promise<StatusAnswer> => {
  const slow = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return answerOf(
      await tryTool(
        "ssh",
        ["-F", sshConfig, "-o", "LogLevel=ERROR", node, "cat", STATUS_FILE],
        {
          signal: AbortSignal.any([signal, slow]),
          package: "openssh-client",
        },
      ),
    );
  } catch (error) {
    if (slow.aborted && !signal.aborted) {
      return { ok: false, because: "SSH connects but gets no answer" };
    }
    if (error instanceof UserError && error.code === "TOOL_MISSING") {
      return { ok: false, because: "ssh is not installed on this computer" };
    }
    throw error;
  }
};
