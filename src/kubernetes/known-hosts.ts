// Writes the known_hosts lines by which SSH knows every node before its first boot.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { knownAddresses, mdnsName } from "./addresses.ts";
import {
  type ClusterSecrets,
  credentialsOf,
} from "./secrets/cluster-secrets.ts";

/** One line for each node: its name, mDNS name and fixed addresses, then its host key. */
export const knownHosts = (
  { nodes }: ResolvedProject,
  secrets: ClusterSecrets,
): string =>
  nodes
    .flatMap((node) => {
      const hostKey = credentialsOf(secrets, node.name)?.hostKey.publicKey;
      if (hostKey === undefined) {
        return [];
      }
      const names = [node.name, mdnsName(node.name), ...knownAddresses(node)];
      return [`${names.join(",")} ${hostKey}\n`];
    })
    .join("");
