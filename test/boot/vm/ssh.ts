// A person at the laptop: a command on a node over ssh, with the key of the inventory and the known_hosts of the build.
import { tryTool, type ToolResult } from "../../../src/system/run-tool.ts";

export type Login = {
  readonly namespace: string;
  readonly user: string;
  readonly host: string;
  /** The private key's file. */
  readonly key: string;
  readonly knownHosts: string;
};

export const ssh = (login: Login, command: string): Promise<ToolResult> =>
  tryTool("ip", [
    "netns",
    "exec",
    login.namespace,
    "ssh",
    "-F",
    "none",
    "-T",
    "-i",
    login.key,
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "BatchMode=yes",
    "-o",
    `UserKnownHostsFile=${login.knownHosts}`,
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "ConnectTimeout=5",
    `${login.user}@${login.host}`,
    command,
  ]);
