// The addresses that a gateway assigns: checks its ranges against each other, its network and fixed addresses, and that
// there is room for all nodes.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import {
  draftGateway,
  draftMember,
  type DraftGateway,
} from "../draft-gateway.ts";
import {
  type AddressRange,
  isBehind,
  reserveAddresses,
} from "../gateway-network.ts";
import {
  broadcastAddress,
  formatAddress,
  formatCidr,
  networkAddress,
  networkOf,
  parseAddress,
} from "../rules/ipv4.ts";
import { nodesOf, titleOf } from "../settings.ts";

const rangeText = ({ from, to }: AddressRange): string =>
  `${formatAddress(from)}-${formatAddress(to)}`;

const virtualAddress = (draft: Draft): number | undefined =>
  parseAddress(draft.content.cluster?.virtualAddress ?? "");

const rangeProblems = (
  draft: Draft,
  { network, address, ranges, path }: DraftGateway,
): readonly Problem[] =>
  ranges.flatMap((range, index): readonly Problem[] => {
    const at =
      range.path === undefined ? draft.keyAt(path) : draft.at(range.path);
    const earlier = ranges
      .slice(0, index)
      .find(({ from, to }) => from <= range.to && range.from <= to);
    const problems: Problem[] = [];
    if (earlier !== undefined) {
      problems.push({
        code: "DHCP_RANGES_OVERLAP",
        severity: "error",
        message: `the ranges ${rangeText(earlier)} and ${rangeText(range)} overlap`,
        at,
        hint: "write them as one range, or let the second begin after the first",
      });
    }
    if (
      range.from <= networkAddress(network) ||
      range.to >= broadcastAddress(network)
    ) {
      problems.push({
        code: "DHCP_RANGE_OUTSIDE",
        severity: "error",
        message: `the range ${rangeText(range)} is not in the network behind the gateway, ${formatCidr(networkOf(network))}`,
        at,
        hint: `use addresses from ${formatAddress(networkAddress(network) + 1)} to ${formatAddress(broadcastAddress(network) - 1)}`,
      });
    }
    const virtual = virtualAddress(draft);
    for (const [held, whose] of [
      [address, "the gateway's own address"],
      [virtual, "the virtual address"],
    ] as const) {
      if (held !== undefined && range.from <= held && held <= range.to) {
        problems.push({
          code: "DHCP_RANGE_TAKEN",
          severity: "error",
          message: `the range ${rangeText(range)}${range.path === undefined ? ", which is the default," : ""} holds ${whose}, ${formatAddress(held)}`,
          at,
          hint: "write `ranges` that leave it out: any machine could get that address",
        });
      }
    }
    return problems;
  });

/** A node of the gateway's network that has the gateway's own address. */
const takenByNode = (draft: Draft, gateway: DraftGateway): readonly Problem[] =>
  nodesOf(draft).flatMap(({ index, node }) =>
    draftMember(draft, index).address === gateway.address &&
    index !== gateway.index
      ? [
          {
            code: "NODE_ADDRESS_TAKEN" as const,
            severity: "error" as const,
            message: `${titleOf({ index, node })} has the address of the gateway ${titleOf(gateway)}`,
            at: draft.at(["nodes", index, "address"]),
            hint: "give every node its own address",
          },
        ]
      : [],
  );

const roomProblems = (
  draft: Draft,
  { network, ranges, address, path }: DraftGateway,
): readonly Problem[] => {
  const members = (draft.content.nodes ?? []).map((_, index) =>
    draftMember(draft, index),
  );
  const virtual = virtualAddress(draft);
  const reserved = reserveAddresses(network, ranges, members, [
    address,
    ...(virtual === undefined ? [] : [virtual]),
  ]);
  const homeless = members.filter(
    (member, index) =>
      isBehind(network, member) && reserved[index] === undefined,
  ).length;
  return homeless === 0
    ? []
    : [
        {
          code: "DHCP_ADDRESSES_SHORT",
          severity: "error",
          message: `${formatCidr(networkOf(network))} has no free address left for ${homeless === 1 ? "one node" : `${homeless} nodes`} behind the gateway`,
          at: draft.at([...path, "address"]),
          hint: "use a shorter prefix length, or smaller `ranges`",
        },
      ];
};

export const checkDhcp: DraftCheck = (draft) => {
  const gateway = draftGateway(draft);
  return gateway === undefined || draft.isBroken([...gateway.path, "ranges"])
    ? []
    : [
        ...rangeProblems(draft, gateway),
        ...takenByNode(draft, gateway),
        ...roomProblems(draft, gateway),
      ];
};
