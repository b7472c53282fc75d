// The names that a node's /etc/hosts knows from the start.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { staticAddress } from "../kubernetes/addresses.ts";

/**
 * Lines `address name` of the node itself and of every node with a static address. A node with DHCP knows itself as
 * 127.0.1.1, as Debian does it; one with a static address must not, since its name may be the cluster's endpoint and
 * resolve to the same address everywhere.
 */
export const hostLines = (
  { nodes }: ResolvedProject,
  node: ResolvedNode,
): string =>
  [node, ...nodes.filter(({ name }) => name !== node.name)]
    .flatMap((other) => {
      const address =
        staticAddress(other) ??
        (other.name === node.name ? "127.0.1.1" : undefined);
      return address === undefined ? [] : [`${address} ${other.name}`];
    })
    .join("\n");
