// Runs a command on a node over SSH, with its pinned host key.
import { UserError } from "../../report/user-error.ts";
import { tryTool, type ToolResult } from "../../system/run/run-tool.ts";
import { asOneLine } from "../one-line.ts";

export type SshAnswer =
  /** The command ran, whatever its exit status. */
  | { readonly ok: true; readonly result: ToolResult }
  | {
      readonly ok: false;
      /** The reason, as the second half of a sentence. */
      readonly because: string;
    };

type Asked = {
  /** An ssh_config file with a `Host` block for the node. */
  readonly sshConfig: string;
  /** How long the command may take. */
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  readonly input?: string;
};

/** The exit status by which ssh(1) says that it failed itself, and not the command on the node. */
export const SSH_FAILED = 255;

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
  // The message of the gateway in between; for its own end of the connection, ssh only says that it was closed.
  const unreached = /open failed: connect failed: (.+)/.exec(stderr)?.[1];
  if (unreached !== undefined) {
    return `its gateway does not reach it: ${asOneLine(unreached)}`;
  }
  const last = asOneLine(stderr.trim().split("\n").at(-1) ?? "");
  return `SSH cannot connect${last === "" ? "" : `: ${last}`}`;
};

/** Never asks the user anything; on a computer without ssh there is simply no answer. */
export const askOverSsh = async (
  node: string,
  words: readonly string[],
  { sshConfig, milliseconds, signal, input }: Asked,
): Promise<SshAnswer> => {
  const slow = AbortSignal.timeout(milliseconds);
  try {
    const result = await tryTool(
      "ssh",
      ["-F", sshConfig, "-o", "LogLevel=ERROR", node, ...words],
      {
        input,
        signal: AbortSignal.any([signal, slow]),
        package: "openssh-client",
      },
    );
    return result.status === SSH_FAILED
      ? { ok: false, because: sshFailure(result.stderr) }
      : { ok: true, result };
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
