// The network behind a gateway as numbers: which nodes are in it, and which address the gateway reserves for each.
import {
  broadcastAddress,
  contains,
  networkAddress,
  type Cidr,
} from "./rules/ipv4.ts";

export type AddressRange = { readonly from: number; readonly to: number };

export type NetworkMember = {
  readonly gateway: boolean;
  /** Whether its uplink is Ethernet. */
  readonly wired: boolean;
  /** Its fixed address; undefined with DHCP. */
  readonly address: number | undefined;
};

/** Whether a node is behind the gateway: it must be wired, and have an address in the gateway's network or none of its own. */
export const isBehind = (
  network: Cidr,
  { gateway, wired, address }: NetworkMember,
): boolean =>
  !gateway && wired && (address === undefined || contains(network, address));

/** The upper half of the network is for machines that the inventory does not name; the lower half is for the nodes. */
export const defaultRanges = (network: Cidr): readonly AddressRange[] => {
  const first = networkAddress(network);
  const last = broadcastAddress(network);
  return [
    { from: Math.max(first + (last - first + 1) / 2, first + 2), to: last - 1 },
  ];
};

/**
 * The address that the gateway reserves for each node, in the nodes' order: its own, or the lowest free one; undefined for a
 * node that is not behind the gateway or for which no address is left.
 *
 * @param taken addresses besides those of the nodes: the gateway's own and the virtual one
 */
export const reserveAddresses = (
  network: Cidr,
  ranges: readonly AddressRange[],
  members: readonly NetworkMember[],
  taken: readonly number[],
): readonly (number | undefined)[] => {
  const used = new Set([
    ...taken,
    ...members.flatMap(({ address }) => address ?? []),
  ]);
  /** The lowest free address from this one on. */
  const free = (address: number): number => {
    const range = ranges.find(
      ({ from, to }) => from <= address && address <= to,
    );
    return range === undefined && !used.has(address)
      ? address
      : free(Math.max(range?.to ?? 0, address) + 1);
  };
  let next = networkAddress(network) + 1;
  return members.map((member) => {
    if (!isBehind(network, member) || member.address !== undefined) {
      return isBehind(network, member) ? member.address : undefined;
    }
    const found = free(next);
    next = found + 1;
    return found < broadcastAddress(network) ? found : undefined;
  });
};
