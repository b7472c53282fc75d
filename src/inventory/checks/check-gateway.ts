// The gateway: there must be only one, and it needs two interfaces.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { isWired } from "../draft-gateway.ts";
import { nodesOf, titleOf } from "../settings.ts";
import { isWireless } from "../wifi-adapters.ts";

const gatewaysOf = (draft: Draft) =>
  nodesOf(draft).filter(({ node }) => node.role === "gateway");

/** Only one gateway is allowed: with two DHCP servers on one switch, either may answer. */
export const checkGatewayNumber: DraftCheck = (draft) =>
  gatewaysOf(draft)
    .slice(1)
    .map(({ index, node }) => ({
      code: "GATEWAY_TAKEN",
      severity: "error",
      message: `${titleOf({ index, node })} is a second gateway, and a cluster can have only one`,
      at: draft.at(["nodes", index, "role"]),
      hint: "give the node another role",
    }));

const interfaceProblem = (
  draft: Draft,
  index: number,
): Pick<Problem, "message" | "at" | "label" | "hint"> | undefined => {
  const node = draft.content.nodes?.[index] ?? {};
  const wired = isWired(draft, index);
  const path = ["nodes", index, "serves", "interface"];
  if (wired === undefined || draft.isBroken(path)) {
    return undefined;
  }
  const title = titleOf({ index, node });
  const inside = node.serves?.interface;
  const hint = wired
    ? "add `wifi` for an uplink by Wi-Fi, or name a second Ethernet interface under `serves`, such as interface: enx00e04c680001 for a USB adapter"
    : "leave out `interface` for eth0, or name another Ethernet interface";
  if (inside === undefined) {
    return wired
      ? {
          message: `${title} has one interface: its uplink is eth0, and nothing leads to the network behind it`,
          at: draft.keyAt(["nodes", index, "serves"]),
          label: "needs `interface`",
          hint,
        }
      : undefined;
  }
  if (inside === (wired ? "eth0" : "wlan0")) {
    return {
      message: `${title} has one interface: ${inside} is its uplink and cannot lead to the network behind it as well`,
      at: draft.at(path),
      hint,
    };
  }
  return isWireless(inside)
    ? {
        message: `${inside} is a Wi-Fi interface, and the network behind a gateway is Ethernet`,
        at: draft.at(path),
        hint,
      }
    : undefined;
};

/** A gateway connects two networks, so it needs two different interfaces. */
export const checkGatewayInterfaces: DraftCheck = (draft) =>
  gatewaysOf(draft).flatMap(({ index, node }): readonly Problem[] => {
    const serves = ["nodes", index, "serves"];
    if (node.serves === undefined) {
      return draft.isBroken(serves)
        ? []
        : [
            {
              code: "GATEWAY_SERVES_MISSING",
              severity: "error",
              message: `the gateway ${titleOf({ index, node })} does not say which network is behind it`,
              at: draft.at(["nodes", index, "role"]),
              label: "needs `serves`",
              hint: "add serves: {address: 10.0.0.1/24}, the gateway's address on the cluster's switch",
            },
          ];
    }
    const problem = interfaceProblem(draft, index);
    return problem === undefined
      ? []
      : [{ code: "GATEWAY_INTERFACES", severity: "error", ...problem }];
  });
