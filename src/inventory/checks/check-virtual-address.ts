// The virtual address that kube-vip moves between the control planes: it must be in their network, and nobody else's.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { virtualHost } from "../endpoint.ts";
import {
  familyName,
  formatIpCidr,
  holdsIp,
  networkOfIp,
  parseIp,
  sameIp,
  type Ip,
} from "../rules/ip.ts";
import { reservedAs } from "../rules/network-rules.ts";
import { nodesOf, settingOf, titleOf } from "../settings.ts";
import { cidrsOf, ipsOf, ofFamily } from "../written-addresses.ts";

const virtualProblem = (
  draft: Draft,
  virtual: Ip,
  index: number,
): Pick<Problem, "code" | "message" | "hint"> | undefined => {
  const node = draft.content.nodes?.[index] ?? {};
  const title = titleOf({ index, node });
  const addresses = cidrsOf(node.address);
  if (addresses.length === 0) {
    return undefined;
  }
  if (addresses.some((address) => sameIp(address, virtual))) {
    return {
      code: "VIRTUAL_ADDRESS_TAKEN",
      message: `the virtual address is the address of ${title}`,
      hint: "choose an address that nothing else uses; it moves between the control planes",
    };
  }
  const gateways = ipsOf(settingOf(draft, index, "gateway")?.value);
  if (gateways.some((gateway) => sameIp(gateway, virtual))) {
    return {
      code: "VIRTUAL_ADDRESS_TAKEN",
      message: "the virtual address is the address of the gateway",
      hint: "choose an address that nothing else uses",
    };
  }
  if (node.role !== "control-plane") {
    return undefined;
  }
  const cidr = ofFamily(addresses, virtual.family);
  if (cidr === undefined) {
    return {
      code: "VIRTUAL_ADDRESS_UNREACHABLE",
      message: `the virtual address is ${familyName(virtual.family)}, and ${title} has no ${familyName(virtual.family)} address`,
      hint: "choose a free address of a network in which all control planes are",
    };
  }
  const network = formatIpCidr(networkOfIp(cidr));
  if (!holdsIp(cidr, virtual)) {
    return {
      code: "VIRTUAL_ADDRESS_UNREACHABLE",
      message: `the virtual address is not in the network of ${title}, ${network}`,
      hint: "choose a free address of that network",
    };
  }
  return reservedAs(cidr, virtual) !== undefined
    ? {
        code: "ADDRESS_RESERVED",
        message: `the virtual address is the network's own or its broadcast address in ${network}`,
        hint: "choose a free address of that network",
      }
    : undefined;
};

export const checkVirtualAddress: DraftCheck = (draft) => {
  const written = draft.content.cluster?.virtualAddress;
  const address = parseIp(written ?? "");
  if (address === undefined) {
    return [];
  }
  const host = virtualHost(draft.content.cluster?.name ?? "");
  const nodes = nodesOf(draft);
  const names = nodes.filter(({ node }) => node.name === host);
  const problem = nodes
    .map(({ index }) => virtualProblem(draft, address, index))
    .find((found) => found !== undefined);
  return [
    ...names.map(({ index }) => ({
      code: "NODE_NAME_TAKEN" as const,
      severity: "error" as const,
      message: `${host} is the name of the virtual address`,
      at: draft.at(["nodes", index, "name"]),
      hint: "give the node another name",
    })),
    ...(problem === undefined
      ? []
      : [
          {
            ...problem,
            severity: "error" as const,
            at: draft.at(["cluster", "virtualAddress"]),
          },
        ]),
  ];
};
