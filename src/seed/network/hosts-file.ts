// The names that a node's /etc/hosts knows from the start.
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import { knownAddress, staticAddress } from "../../kubernetes/addresses.ts";

/** A gateway has an address on both sides, and is sure of those that it gives itself. */
const addressSeenBy = (
  node: ResolvedNode,
  other: ResolvedNode,
): string | undefined => {
  if (other.serves !== undefined && node.reserved !== undefined) {
    return other.serves.address.split("/")[0];
  }
  return node.serves === undefined ? staticAddress(other) : knownAddress(other);
};

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
        other.name === node.name
          ? (staticAddress(node) ?? "127.0.1.1")
          : addressSeenBy(node, other);
      return address === undefined ? [] : [`${address} ${other.name}`];
    })
    .join("\n");
