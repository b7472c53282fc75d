// Fixed addresses against their gateways, and the uplink against the Wi-Fi.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { draftGateway, draftMember } from "../draft-gateway.ts";
import { isBehind } from "../gateway-network.ts";
import {
  broadcastAddress,
  contains,
  formatCidr,
  networkAddress,
  networkOf,
  parseAddress,
  parseCidr,
} from "../rules/ipv4.ts";
import { nodesOf, settingPlace, settingOf, titleOf } from "../settings.ts";
import { listed } from "../wording.ts";

const gatewayProblem = (
  draft: Draft,
  index: number,
  title: string,
  written: string,
): Problem | undefined => {
  const cidr = parseCidr(written);
  const gateway = settingOf(draft, index, "gateway");
  if (cidr === undefined || gateway === undefined) {
    return undefined;
  }
  const path = ["nodes", index, "address"];
  const served = draftGateway(draft);
  // The node's gateway is the cluster's own, unless the node itself names another.
  if (
    served !== undefined &&
    draft.content.nodes?.[index]?.gateway === undefined &&
    isBehind(served.network, draftMember(draft, index))
  ) {
    return undefined;
  }
  if (gateway.value === undefined) {
    return {
      code: "GATEWAY_MISSING",
      severity: "error",
      message: `${title} has a fixed address and no gateway, so it could not reach anything outside its network`,
      at: draft.at(path),
      hint: "add `gateway` here or under `defaults`",
    };
  }
  const address = parseAddress(gateway.value);
  if (address === undefined) {
    return undefined;
  }
  const own = gateway.path[0] === "nodes";
  const problem = {
    severity: "error",
    at: own ? draft.at(gateway.path) : draft.at(path),
    label: own
      ? undefined
      : `gateway ${gateway.value} (line ${draft.at(gateway.path).line})`,
  } as const;
  const network = formatCidr(networkOf(cidr));
  if (!contains(cidr, address)) {
    return {
      ...problem,
      code: "GATEWAY_UNREACHABLE",
      message: `the gateway ${gateway.value} is not in the network of ${title}, ${network}`,
      hint: "correct the address, its prefix length or the gateway",
    };
  }
  if (address === cidr.address) {
    return {
      ...problem,
      code: "GATEWAY_IS_NODE",
      message: `${title} has the gateway's address`,
      hint: "give the node a free address, or write the router's address as gateway",
    };
  }
  return address === networkAddress(cidr) || address === broadcastAddress(cidr)
    ? {
        ...problem,
        code: "ADDRESS_RESERVED",
        message: `the gateway ${gateway.value} is the network's own or its broadcast address in ${network}`,
        hint: "write the router's address",
      }
    : undefined;
};

/** A node with a fixed address needs a gateway: in the same network, and not the node itself. */
export const checkGateways: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }): readonly Problem[] => {
    const title = titleOf({ index, node });
    if (node.address !== undefined) {
      const problem = gatewayProblem(draft, index, title, node.address);
      return problem === undefined ? [] : [problem];
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
