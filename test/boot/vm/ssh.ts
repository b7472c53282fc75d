// A person at the laptop: a command on a node over ssh, with the key of the inventory and the known_hosts of the build.
import { tryTool, type ToolResult } from "../../../src/system/run/run-tool.ts";

export type Login = {
  readonly namespace: string;
  readonly user: string;
  /** Where to connect. */
  readonly host: string;
  /** The node's name, under which known_hosts has its key. */
  readonly name: string;
  /** The private key's file. */
  readonly key: string;
  readonly knownHosts: string;
};

const OPTIONS = [
  "IdentitiesOnly=yes",
  "BatchMode=yes",
  "StrictHostKeyChecking=yes",
  "ConnectTimeout=5",
  "ServerAliveInterval=5",
];

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
    ...OPTIONS.flatMap((option) => ["-o", option]),
    "-o",
    `UserKnownHostsFile=${login.knownHosts}`,
    "-o",
    `HostKeyAlias=${login.name}`,
    `${login.user}@${login.host}`,
    command,
  ]);
