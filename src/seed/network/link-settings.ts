// What is special about a node's uplink, put into its netplan document: MTU, routes, another interface, a VLAN.
// https://netplan.readthedocs.io/en/stable/netplan-yaml/
import type { ResolvedNode } from "../../inventory/resolved.ts";
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

/** The document as it is where the inventory asks for none of them. */
export const withLinkSettings = (
  document: MapTree,
  node: Pick<ResolvedNode, "network" | "host">,
): MapTree => {
  const { uplink } = node.network;
  const { interface: own, vlan, mtu, routes } = node.host.link;
  if (
    [own, vlan, mtu].every((each) => each === undefined) &&
    routes.length === 0
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
