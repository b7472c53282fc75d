// Writes an ssh_config snippet, so that `ssh NODE` finds each node and trusts only its own host key.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { laptopHost } from "./addresses.ts";

/** ssh_config(5): double quotes hold blanks, and % begins a token. */
const quote = (path: string): string => `"${path.replaceAll("%", "%%")}"`;

/**
 * A `Host` block for each node.
 *
 * @param knownHostsFile absolute path of the cluster's known_hosts; ssh would look for a relative one in the working folder
 */
export const sshConfig = (
  { nodes }: ResolvedProject,
  knownHostsFile: string,
): string =>
  nodes
    .map((node) =>
      [
        `Host ${node.name}`,
        `  HostName ${laptopHost(node)}`,
        ...node.users.slice(0, 1).map(({ name }) => `  User ${name}`),
        // The line of the known hosts that counts, whatever address DHCP gives the node.
        `  HostKeyAlias ${node.name}`,
        `  UserKnownHostsFile ${quote(knownHostsFile)}`,
        "  StrictHostKeyChecking yes",
        "",
      ].join("\n"),
    )
    .join("\n");
