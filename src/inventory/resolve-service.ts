// What a gateway serves and what a storage node exports, with every value filled in.
import type { Inventory } from "./schema/cluster-schema.ts";
import {
  defaultRanges,
  reserveAddresses,
  type NetworkMember,
} from "./gateway-network.ts";
import {
  formatAddress,
  formatCidr,
  parseAddress,
  parseCidr,
  type Cidr,
} from "./rules/ipv4.ts";
import {
  formatIp,
  formatIpCidr,
  networkOfIp,
  parseIpCidr,
} from "./rules/ip.ts";
import type { NfsExport, Service } from "./resolved.ts";
import { parseRange } from "./schema/service-schema.ts";
import { cidrsOf, ipv4Number } from "./written-addresses.ts";
import { networksOf } from "./wifi-networks.ts";

type NodeEntry = Inventory["nodes"][number];

export type ServedNetwork = {
  readonly gateway: NodeEntry;
  readonly service: Service;
  /** The address with prefix length that the gateway reserves for each node behind it, in the order of the nodes. */
  readonly reserved: readonly (string | undefined)[];
};

/** RFC 8375: the domain for home networks, for which no server on the internet answers. */
const HOME_DOMAIN = "home.arpa";

const cidrOf = (text: string): Cidr => {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    throw new Error("an inventory without problems has addresses here");
  }
  return cidr;
};

const resolvedMember = (
  node: NodeEntry,
  { defaults }: Inventory,
): NetworkMember => {
  const wifi = networksOf(node.wifi ?? defaults?.wifi);
  const uplink =
    node.uplink ?? defaults?.uplink ?? (wifi.length > 0 ? "wifi" : "ethernet");
  return {
    gateway: node.role === "gateway",
    wired: uplink === "ethernet",
    address: ipv4Number(cidrsOf(node.address)),
  };
};

/** Undefined for an inventory without a gateway. */
export const resolveServedNetwork = (
  inventory: Inventory,
): ServedNetwork | undefined => {
  const { cluster, nodes } = inventory;
  const gateway = nodes.find(({ role }) => role === "gateway");
  const serves = gateway?.serves;
  if (gateway === undefined || serves === undefined) {
    return undefined;
  }
  const network = cidrOf(serves.address);
  const ranges =
    serves.ranges === undefined
      ? defaultRanges(network)
      : serves.ranges.flatMap((range) => parseRange(range) ?? []);
  const virtual = parseAddress(cluster.virtualAddress ?? "");
  const reserved = reserveAddresses(
    network,
    ranges,
    nodes.map((node) => resolvedMember(node, inventory)),
    [network.address, ...(virtual === undefined ? [] : [virtual])],
  );
  return {
    gateway,
    reserved: reserved.map((address) =>
      address === undefined
        ? undefined
        : formatCidr({ address, prefix: network.prefix }),
    ),
    service: {
      interface: serves.interface ?? "eth0",
      address: serves.address,
      ranges: ranges.map(({ from, to }) => ({
        from: formatAddress(from),
        to: formatAddress(to),
      })),
      domain: serves.domain ?? `${cluster.name}.${HOME_DOMAIN}`,
      forwards: (serves.forwards ?? []).map(
        ({ port, to, toPort = port, protocol = "tcp" }) => {
          const address = reserved[nodes.findIndex(({ name }) => name === to)];
          if (address === undefined) {
            throw new Error(
              `a port leads to ${to}, which is not behind the gateway`,
            );
          }
          return {
            port,
            protocol,
            to,
            address: formatAddress(address),
            toPort,
          };
        },
      ),
    },
  };
};

/**
 * A folder below the mount point is exported, so that nothing is exported while the disk is missing, and lost+found never
 * is.
 */
const EXPORTED_FOLDER = "volumes";

/** `address` is the node's, with the prefix length of the network that may mount the export. */
export const resolveExport = (mount: string, address: string): NfsExport => {
  const cidr = parseIpCidr(address);
  if (cidr === undefined) {
    throw new Error("an inventory without problems has an address here");
  }
  return {
    path: `${mount}/${EXPORTED_FOLDER}`,
    clients: formatIpCidr(networkOfIp(cidr)),
    server: formatIp(cidr),
  };
};
