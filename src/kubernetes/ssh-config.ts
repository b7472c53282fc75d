// Writes an ssh_config snippet, so that `ssh NODE` finds each node and trusts only its own host key.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { jumpHost, laptopHost } from "./addresses.ts";

/** In ssh_config(5), a path with spaces needs double quotes, and % begins a token. */
const quote = (path: string): string => `"${path.replaceAll("%", "%%")}"`;

/**
 * A `Host` block for each node. Nodes behind a gateway are reached through it; ssh uses this file for the connection to the
 * gateway, too.
 *
 * @param knownHostsFile absolute path of the cluster's known_hosts; ssh would look for a relative one in the working folder
 */
export const sshConfig = (
  project: ResolvedProject,
  knownHostsFile: string,
): string =>
  project.nodes
    .map((node) => {
      const jump = jumpHost(project, node);
      return [
        `Host ${node.name}`,
        `  HostName ${laptopHost(node)}`,
        ...node.users.slice(0, 1).map(({ name }) => `  User ${name}`),
        // Makes ssh look up the host key by the node's name, whatever address DHCP gives the node.
        `  HostKeyAlias ${node.name}`,
        ...(jump === undefined ? [] : [`  ProxyJump ${jump.name}`]),
        `  UserKnownHostsFile ${quote(knownHostsFile)}`,
        "  StrictHostKeyChecking yes",
        "",
      ].join("\n");
    })
    .join("\n");
