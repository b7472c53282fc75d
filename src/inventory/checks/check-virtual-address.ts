// The virtual address that kube-vip moves between the control planes: it must be in their network, and nobody else's.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { virtualHost } from "../endpoint.ts";
import {
  broadcastAddress,
  contains,
  formatCidr,
  networkAddress,
  networkOf,
  parseAddress,
  parseCidr,
} from "../rules/ipv4.ts";
import { nodesOf, settingOf, titleOf } from "../settings.ts";

const virtualProblem = (
  draft: Draft,
  virtual: number,
  index: number,
): Pick<Problem, "code" | "message" | "hint"> | undefined => {
  const node = draft.content.nodes?.[index] ?? {};
  const title = titleOf({ index, node });
  const cidr = node.address === undefined ? undefined : parseCidr(node.address);
  if (cidr === undefined) {
    return undefined;
  }
  if (cidr.address === virtual) {
    return {
      code: "VIRTUAL_ADDRESS_TAKEN",
      message: `the virtual address is the address of ${title}`,
      hint: "choose an address that nothing else uses; it moves between the control planes",
    };
  }
  const gateway = settingOf(draft, index, "gateway")?.value;
  if (gateway !== undefined && parseAddress(gateway) === virtual) {
    return {
      code: "VIRTUAL_ADDRESS_TAKEN",
      message: "the virtual address is the address of the gateway",
      hint: "choose an address that nothing else uses",
    };
  }
  if (node.role !== "control-plane") {
    return undefined;
  }
  const network = formatCidr(networkOf(cidr));
  if (!contains(cidr, virtual)) {
    return {
      code: "VIRTUAL_ADDRESS_UNREACHABLE",
      message: `the virtual address is not in the network of ${title}, ${network}`,
      hint: "choose a free address of that network",
    };
  }
  return virtual === networkAddress(cidr) || virtual === broadcastAddress(cidr)
    ? {
        code: "ADDRESS_RESERVED",
        message: `the virtual address is the network's own or its broadcast address in ${network}`,
        hint: "choose a free address of that network",
      }
    : undefined;
};

export const checkVirtualAddress: DraftCheck = (draft) => {
  const written = draft.content.cluster?.virtualAddress;
  const address = written === undefined ? undefined : parseAddress(written);
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
