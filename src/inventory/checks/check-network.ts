// Fixed addresses against their gateways, and the uplink against the Wi-Fi.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { draftGateway, draftMember } from "../draft-gateway.ts";
import { isBehind } from "../gateway-network.ts";
import {
  familyName,
  formatIp,
  formatIpCidr,
  holdsIp,
  networkOfIp,
  sameIp,
  specialKind,
  type Ip,
  type IpCidr,
} from "../rules/ip.ts";
import { reservedAs } from "../rules/network-rules.ts";
import {
  nodesOf,
  type NumberedNode,
  settingPlace,
  settingOf,
  titleOf,
} from "../settings.ts";
import { listed } from "../wording.ts";
import { cidrsOf, hasGap, ipsOf, ofFamily } from "../written-addresses.ts";

/** Whether the node's gateway is the cluster's own: it is behind that, and does not name another itself. */
const isServed = (draft: Draft, index: number): boolean => {
  const served = draftGateway(draft);
  return (
    served !== undefined &&
    draft.content.nodes?.[index]?.gateway === undefined &&
    isBehind(served.network, draftMember(draft, index))
  );
};

/** What is wrong with a gateway for the node's address of the same family. */
const wrongGateway = (
  title: string,
  cidr: IpCidr,
  gateway: Ip,
): Pick<Problem, "code" | "message" | "hint"> | undefined => {
  const text = formatIp(gateway);
  const network = formatIpCidr(networkOfIp(cidr));
  // The router of a link is always on it.
  if (specialKind(gateway) === "link-local") {
    return undefined;
  }
  if (!holdsIp(cidr, gateway)) {
    return {
      code: "GATEWAY_UNREACHABLE",
      message: `the gateway ${text} is not in the network of ${title}, ${network}`,
      hint: "correct the address, its prefix length or the gateway",
    };
  }
  if (sameIp(gateway, cidr)) {
    return {
      code: "GATEWAY_IS_NODE",
      message: `${title} has the gateway's address`,
      hint: "give the node a free address, or write the router's address as gateway",
    };
  }
  return reservedAs(cidr, gateway) === undefined || gateway.family === 6
    ? undefined
    : {
        code: "ADDRESS_RESERVED",
        message: `the gateway ${text} is the network's own or its broadcast address in ${network}`,
        hint: "write the router's address",
      };
};

const gatewayProblems = (
  draft: Draft,
  { index, node }: NumberedNode,
): readonly Problem[] => {
  const title = titleOf({ index, node });
  const addresses = cidrsOf(node.address);
  const setting = settingOf(draft, index, "gateway");
  if (setting === undefined || hasGap(setting.value) || hasGap(node.address)) {
    return [];
  }
  const gateways = ipsOf(setting.value);
  const path = ["nodes", index, "address"];
  const own = setting.path[0] === "nodes" && setting.value !== undefined;
  // In IPv6 the router tells of itself, so only IPv4 needs one that is written.
  const alone = addresses.filter(
    (cidr) =>
      draft.content.cluster?.offline !== true &&
      cidr.family === 4 &&
      ofFamily(gateways, 4) === undefined &&
      !isServed(draft, index),
  );
  const unfit = own
    ? gateways.filter(({ family }) => ofFamily(addresses, family) === undefined)
    : [];
  return [
    ...alone.map((): Problem => ({
      code: "GATEWAY_MISSING",
      severity: "error",
      message: `${title} has a fixed address and no ${gateways.length > 0 ? "IPv4 " : ""}gateway, so it could not reach anything outside its network`,
      at: draft.at(path),
      hint: "add `gateway` here or under `defaults`",
    })),
    ...unfit.map((gateway): Problem => ({
      code: "GATEWAY_UNREACHABLE",
      severity: "error",
      message: `the gateway ${formatIp(gateway)} is ${familyName(gateway.family)}, and ${title} has no ${familyName(gateway.family)} address`,
      at: draft.at(setting.path),
      hint: "give the node an address of that network, or remove the gateway",
    })),
    ...addresses.flatMap((cidr): readonly Problem[] => {
      const gateway = ofFamily(gateways, cidr.family);
      const wrong =
        gateway === undefined || (cidr.family === 4 && isServed(draft, index))
          ? undefined
          : wrongGateway(title, cidr, gateway);
      return wrong === undefined
        ? []
        : [
            {
              ...wrong,
              severity: "error",
              at: own ? draft.at(setting.path) : draft.at(path),
              label:
                own || gateway === undefined
                  ? undefined
                  : `gateway ${formatIp(gateway)} (line ${draft.at(setting.path).line})`,
            },
          ];
    }),
    ...nameserverProblems(draft, { index, node }, gateways),
  ];
};

/** A link-local router cannot be written down as a DNS server: which link it is on would be missing. */
const nameserverProblems = (
  draft: Draft,
  { index, node }: NumberedNode,
  gateways: readonly Ip[],
): readonly Problem[] => {
  const servers = settingOf(draft, index, "nameservers");
  const needs =
    servers?.value === undefined &&
    servers !== undefined &&
    gateways.length > 0 &&
    !isServed(draft, index) &&
    gateways.every((ip) => specialKind(ip) === "link-local");
  return needs
    ? [
        {
          code: "NAMESERVER_MISSING",
          severity: "error",
          message: `${titleOf({ index, node })} has no DNS server: its gateway has a link-local address, which cannot be one`,
          at: draft.at(["nodes", index, "address"]),
          hint: "add `nameservers` here or under `defaults`, or remove `gateway`: the router then tells of both by itself",
        },
      ]
    : [];
};

/** A node with a fixed address needs a gateway: in the same network, and not the node itself. */
export const checkGateways: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }): readonly Problem[] => {
    const title = titleOf({ index, node });
    if (node.address !== undefined) {
      return gatewayProblems(draft, { index, node });
    }
    const alone = (["gateway", "nameservers", "search"] as const).filter(
      (key) => node[key] !== undefined,
    );
    return draft.isBroken(["nodes", index, "address"]) || alone.length === 0
      ? []
      : [
          {
            code: "NODE_ADDRESS_MISSING",
            severity: "error",
            message: `${title} has ${listed(alone.map((key) => `\`${key}\``))} but no fixed address`,
            at: draft.keyAt(["nodes", index, alone[0] ?? "name"]),
            hint: "add `address`, or remove this and let DHCP give everything",
          },
        ];
  });

/** In `defaults` these are for nodes with a fixed address; where none has one, they would do nothing, and nobody would know. */
export const checkAddressDefaults: DraftCheck = (draft) => {
  const nodes = nodesOf(draft);
  if (
    nodes.some(
      ({ index, node }) =>
        node.address !== undefined ||
        draft.isBroken(["nodes", index, "address"]),
    )
  ) {
    return [];
  }
  const unused = (["gateway", "nameservers", "search"] as const).filter(
    (key) => draft.content.defaults?.[key] !== undefined,
  );
  return unused.map((key) => ({
    code: "SETTING_UNUSED",
    severity: "warning",
    message: `\`${key}\` is for nodes with a fixed address, and no node has one: all of them take what DHCP gives`,
    at: draft.keyAt(["defaults", key]),
    hint: "give the nodes an `address`, or set this in the DHCP server and remove it here",
  }));
};

/** An uplink by Wi-Fi needs a Wi-Fi network. */
export const checkUplinks: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }) => {
    const uplink = settingOf(draft, index, "uplink");
    const wifi = settingOf(draft, index, "wifi");
    return uplink?.value === "wifi" && wifi !== undefined && !wifi.value
      ? [
          {
            code: "WIFI_MISSING",
            severity: "error",
            message: `the uplink of ${titleOf({ index, node })} is Wi-Fi, and no Wi-Fi network is set up for it`,
            ...settingPlace(draft, { index, node }, uplink),
            hint: "add `wifi`, or set uplink: ethernet at the node",
          } as const,
        ]
      : [];
  });
