// Writes the known_hosts lines by which SSH knows every node before its first boot.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { knownAddress, mdnsName } from "./addresses.ts";
import {
  type ClusterSecrets,
  credentialsOf,
} from "./secrets/cluster-secrets.ts";

/** One line for each node: its name, mDNS name and fixed address, then its host key. */
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
      const address = knownAddress(node);
      const names = [
        node.name,
        mdnsName(node.name),
        ...(address === undefined ? [] : [address]),
      ];
      return [`${names.join(",")} ${hostKey}\n`];
    })
    .join("");
