// What is special about a node's uplink, put into its netplan document: MTU, routes, another interface, a VLAN.
// https://netplan.readthedocs.io/en/stable/netplan-yaml/
import type { Ipv6Way, ResolvedNode } from "../../inventory/resolved.ts";
import { uplinkDevice } from "../../inventory/uplink-device.ts";
import {
  fromValue,
  type MapTree,
  toValue,
  type Value,
} from "../library/tree.ts";

type Mapping = Readonly<Record<string, Value>>;

const mapping = (value: Value | undefined): Mapping =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? (value as Mapping)
    : {};

/**
 * networkd leaves advertisements alone on a machine that forwards, which every node does, unless it is told to take them.
 * NetworkManager listens to routers only where DHCPv6 may be asked as well.
 * https://www.freedesktop.org/software/systemd/man/latest/systemd.network.html#IPv6AcceptRA=
 */
const ipv6Settings = (way: Ipv6Way): Mapping => {
  switch (way) {
    case "base":
      return {};
    case "router":
      return { dhcp6: true, "accept-ra": true };
    case "fixed":
      return { "accept-ra": false };
  }
};

/** The document as it is where the inventory asks for none of them. */
export const withLinkSettings = (
  document: MapTree,
  node: Pick<ResolvedNode, "network" | "host">,
): MapTree => {
  const { uplink } = node.network;
  const { interface: own, vlan, mtu, routes } = node.host.link;
  if (
    [own, vlan, mtu].every((each) => each === undefined) &&
    routes.length === 0 &&
    node.network.ipv6 === "base"
  ) {
    return document;
  }
  const kind = uplink === "wlan0" ? "wifis" : "ethernets";
  const whole = mapping(toValue(document));
  const network = mapping(whole["network"]);
  const { [uplink]: written, ...others } = mapping(network[kind]);
  const stanza = mapping(written);
  const size = mtu === undefined ? {} : { mtu };
  const known = stanza["routes"];
  const device = {
    ...stanza,
    ...ipv6Settings(node.network.ipv6),
    ...size,
    ...(routes.length === 0
      ? {}
      : { routes: [...(Array.isArray(known) ? known : []), ...routes] }),
  };
  const link = own ?? uplink;
  const changed = fromValue(
    {
      ...whole,
      network: {
        ...network,
        [kind]: {
          ...others,
          // The interface below a VLAN has no address, and nobody waits for one.
          [link]:
            vlan === undefined
              ? device
              : { dhcp4: false, optional: true, ...size },
        },
        ...(vlan === undefined
          ? {}
          : { vlans: { [uplinkDevice(node)]: { id: vlan, link, ...device } } }),
      },
    },
    document.at,
  );
  return changed.kind === "map" ? changed : document;
};
