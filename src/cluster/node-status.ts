// Asks a node, by SSH with its pinned host key, for the status file that its unit keeps.
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import type { ToolResult } from "../system/run/run-tool.ts";
import { askOverSsh } from "./over-ssh/ask-over-ssh.ts";
import { asOneLine } from "./one-line.ts";

/** Written by the node unit: cloud-init/files/usr/local/lib/pi-image/lib.sh. */
const STATUS_FILE = "/var/lib/pi-image/status.json";

const line = z.string().transform(asOneLine);

const statusFile = z.object({
  node: line,
  cluster: line,
  phase: line,
  state: line,
  message: line.default(""),
  attempt: z.number().default(1),
  /** When the newest snapshot of etcd was made, on control planes. */
  snapshot: z.iso
    .datetime()
    .transform((text) => new Date(text))
    .optional()
    .catch(undefined),
  /** Lasting facts about the node, such as the outcome of the PCIe trial. */
  notes: z.record(z.string().max(30), line).default({}),
});

/** What the node unit says about itself; `state` is running, waiting, failed-retrying or done. */
export type NodeStatus = z.infer<typeof statusFile>;

export type StatusAnswer =
  | { readonly ok: true; readonly status: NodeStatus }
  | {
      readonly ok: false;
      /** The reason, as the second half of a sentence. */
      readonly because: string;
    };

/** A node that is swapping, or whose card is dying, may accept the connection and never answer. */
const TIMEOUT_MS = 10_000;

const answerOf = ({ status, stdout }: ToolResult): StatusAnswer => {
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
 * Asks the node itself for its status.
 *
 * @param sshConfig file with a `Host` block for the node
 */
export const askNodeStatus = async (
  node: string,
  sshConfig: string,
  signal: AbortSignal,
): Promise<StatusAnswer> => {
  const answer = await askOverSsh(node, ["cat", STATUS_FILE], {
    sshConfig,
    milliseconds: TIMEOUT_MS,
    signal,
  });
  return answer.ok ? answerOf(answer.result) : answer;
};
