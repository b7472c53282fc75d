// The gateway's packet filter: closed from outside except for SSH and the declared ports, and lets the network behind it
// out.
import type { ResolvedNode, Service } from "../../inventory/resolved.ts";
import { uplinkDevice } from "../../inventory/uplink-device.ts";
import {
  formatCidr,
  networkOf,
  parseCidr,
} from "../../inventory/rules/ipv4.ts";

const networkBehind = ({ address }: Service): string => {
  const cidr = parseCidr(address);
  if (cidr === undefined) {
    throw new Error(`${address} is a resolved address with its prefix length`);
  }
  return formatCidr(networkOf(cidr));
};

/**
 * The text of /etc/nftables.conf. It has one table of our own, so that loading it again leaves the tables of other programs
 * alone.
 *
 * - mDNS is let in where the uplink has its address from DHCP, because the laptop can find such a gateway only by name.
 * - A port is forwarded from either side (`fib daddr type local`), so that the laptop's kubeconfig works on both. Forwarded
 *   packets from inside get the gateway's address as their source: otherwise the answer would bypass the gateway and be
 *   lost.
 * https://wiki.nftables.org/wiki-nftables/index.php/Performing_Network_Address_Translation_(NAT)
 */
export const nftablesConfiguration = (
  node: ResolvedNode,
  service: Service,
): string => {
  const { addressing } = node.network;
  const uplink = uplinkDevice(node);
  const inside = service.interface;
  const behind = networkBehind(service);
  const { forwards } = service;
  const table = "inet pi_image_gateway";
  return [
    "#!/usr/sbin/nft -f",
    "# The gateway's packet filter. Made by pi-image; a build of this card writes it anew.",
    "",
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    `    iifname { "lo", "${inside}" } accept`,
    "    meta l4proto { icmp, ipv6-icmp } accept",
    "    # Answers of a DHCP server are not answers for the connection table when they are broadcast.",
    `    iifname "${uplink}" udp sport 67 udp dport 68 accept`,
    ...(addressing.method === "dhcp"
      ? [`    iifname "${uplink}" udp dport 5353 accept`]
      : []),
    `    iifname "${uplink}" tcp dport 22 accept`,
    "  }",
    "",
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    `    iifname "${inside}" oifname "${uplink}" ip saddr ${behind} accept`,
    ...forwards.map(
      ({ protocol, address, toPort }) =>
        `    oifname "${inside}" ct status dnat ip daddr ${address} ${protocol} dport ${toPort} accept`,
    ),
    "  }",
    "",
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...forwards.map(
      ({ port, protocol, address, toPort }) =>
        `    fib daddr type local ${protocol} dport ${port} dnat ip to ${address}:${toPort}`,
    ),
    "  }",
    "",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    oifname "${uplink}" ip saddr ${behind} masquerade`,
    `    oifname "${inside}" ip saddr ${behind} ct status dnat masquerade`,
    "  }",
    "}",
    "",
  ].join("\n");
};
