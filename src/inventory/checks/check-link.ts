// What is special about a node's uplink, against what the uplink is.
import type { Problem } from "../../report/problem.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { isWired } from "../draft-gateway.ts";
import {
  familyName,
  formatIpCidr,
  holdsIp,
  networkOfIp,
  networksOverlap,
  parseIp,
  parseIpCidr,
  specialKind,
} from "../rules/ip.ts";
import {
  nodesOf,
  type NumberedNode,
  settingOf,
  settingPlace,
  titleOf,
} from "../settings.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import { isWireless } from "../wifi-adapters.ts";
import { cidrsOf, ofFamily } from "../written-addresses.ts";

/** IEEE 802.11: the longest body of a frame is 2304 octets. */
const MOST_BY_WIFI = 2304;

const problemAt = (
  draft: Draft,
  numbered: NumberedNode,
  key: "interface" | "vlan" | "mtu",
  what: string,
  hint: string,
): readonly Problem[] => {
  const found = settingOf(draft, numbered.index, key);
  return found?.value === undefined
    ? []
    : [
        {
          code: "LINK_SETTING_INVALID",
          severity: "error",
          message: `${titleOf(numbered)} ${what}`,
          ...settingPlace(draft, numbered, found),
          hint,
        },
      ];
};

const device = (draft: Draft, numbered: NumberedNode): readonly Problem[] => {
  const own = settingOf(draft, numbered.index, "interface")?.value;
  const wired = isWired(draft, numbered.index);
  if (wired === false) {
    return [
      ...problemAt(
        draft,
        numbered,
        "vlan",
        "has Wi-Fi as its uplink, and `vlan` is for Ethernet",
        "remove it at this node, or set uplink: ethernet",
      ),
      ...(isWireless(own)
        ? []
        : problemAt(
            draft,
            numbered,
            "interface",
            `has Wi-Fi as its uplink, and \`interface\` names one of Ethernet`,
            "name the Wi-Fi adapter at this node, such as wlan0, or set uplink: ethernet",
          )),
    ];
  }
  if (numbered.node.role === "gateway") {
    return (["interface", "vlan"] as const).flatMap((key) =>
      problemAt(
        draft,
        numbered,
        key,
        `is a gateway, whose two sides are its own Ethernet and Wi-Fi, or what \`serves\` names, so \`${key}\` cannot hold for its uplink`,
        "write it at the other nodes only",
      ),
    );
  }
  return wired === true && isWireless(own)
    ? problemAt(
        draft,
        numbered,
        "interface",
        "has Ethernet as its uplink, and `interface` names a Wi-Fi adapter",
        "add `wifi` and leave out `uplink`, or name an interface of Ethernet",
      )
    : [];
};

const size = (draft: Draft, numbered: NumberedNode): readonly Problem[] => {
  const { index } = numbered;
  const mtu = settingOf(draft, index, "mtu")?.value ?? 0;
  const board = settingOf(draft, index, "board")?.value;
  const wired = isWired(draft, index);
  if (wired === false) {
    return mtu > MOST_BY_WIFI
      ? problemAt(
          draft,
          numbered,
          "mtu",
          `has Wi-Fi as its uplink, which carries ${MOST_BY_WIFI} octets at most`,
          "set a smaller mtu, or remove it",
        )
      : [];
  }
  // https://github.com/torvalds/linux/blob/v6.12/drivers/net/ethernet/broadcom/genet/bcmgenet.c sets no other limit.
  return wired === true &&
    mtu > 1500 &&
    board !== undefined &&
    BOARD_FACTS[board].filters[0] === "pi4" &&
    settingOf(draft, index, "interface")?.value === undefined
    ? problemAt(
        draft,
        numbered,
        "mtu",
        `is a ${BOARD_FACTS[board].title}, whose Ethernet carries 1500 octets at most`,
        "set mtu: 1500 at this node; all devices of a network need the same",
      )
    : [];
};

const ways = (draft: Draft, numbered: NumberedNode): readonly Problem[] => {
  const { index, node } = numbered;
  const routes = settingOf(draft, index, "routes");
  const addresses = cidrsOf(node.address);
  const { podSubnet, serviceSubnet } = draft.content.cluster ?? {};
  const taken = [
    ["pods", cidrsOf(podSubnet ?? DEFAULT_CLUSTER.podSubnet)],
    ["services", cidrsOf(serviceSubnet ?? DEFAULT_CLUSTER.serviceSubnet)],
  ] as const;
  return (routes?.value ?? []).flatMap((route, number): readonly Problem[] => {
    const to = parseIpCidr(route?.to ?? "");
    const via = parseIp(route?.via ?? "");
    const own = via && ofFamily(addresses, via.family);
    const place =
      routes?.path[0] === "defaults"
        ? draft.at(["nodes", index, "name"])
        : draft.at(["nodes", index, "routes", number]);
    if (to !== undefined && via !== undefined && to.family !== via.family) {
      return [
        {
          code: "ROUTE_INVALID",
          severity: "error",
          message: `the route of ${titleOf(numbered)} to ${route?.to} is ${familyName(to.family)}, and its router ${route?.via} is ${familyName(via.family)}`,
          at: place,
          hint: "write a network and a router of the same family",
        },
      ];
    }
    const clash = taken.find(([, ranges]) =>
      ranges.some((range) => to !== undefined && networksOverlap(to, range)),
    );
    if (clash !== undefined) {
      return [
        {
          code: "ROUTE_INVALID",
          severity: "error",
          message: `the route of ${titleOf(numbered)} to ${route?.to} would lead packets for ${clash[0]} (${clash[1].map(formatIpCidr).join(",")}) out of the cluster`,
          at: place,
          hint: "give the cluster another range, or make the route's network smaller",
        },
      ];
    }
    return own === undefined ||
      via === undefined ||
      holdsIp(own, via) ||
      specialKind(via) === "link-local"
      ? []
      : [
          {
            code: "ROUTE_INVALID",
            severity: "error",
            message: `the router ${route?.via} is not in the network of ${titleOf(numbered)}, ${formatIpCidr(networkOfIp(own))}`,
            at: place,
            hint: "write a router that the node reaches without another",
          },
        ];
  });
};

export const checkLinks: DraftCheck = (draft) =>
  nodesOf(draft).flatMap((numbered) => [
    ...device(draft, numbered),
    ...size(draft, numbered),
    ...ways(draft, numbered),
  ]);
