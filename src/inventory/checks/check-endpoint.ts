// The endpoint: every node must find the API server there, also tomorrow.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { endpointTarget, type EndpointNode } from "../endpoint.ts";
import { parseIp } from "../rules/ip.ts";
import { closest, quoted } from "../wording.ts";
import { cidrsOf } from "../written-addresses.ts";

const PATH = ["cluster", "endpoint"] as const;
const VIRTUAL_PATH = ["cluster", "virtualAddress"] as const;

const endpointNodes = (draft: Draft): readonly EndpointNode[] =>
  (draft.content.nodes ?? []).map((node) => ({
    name: node?.name,
    control: node?.role === "control-plane",
    addresses: cidrsOf(node?.address),
  }));

const unknownEndpoint = (
  draft: Draft,
  written: string,
  nodes: readonly EndpointNode[],
): Problem => {
  const names = nodes.flatMap(({ name }) => name ?? []);
  const meant = closest(written, names);
  const isAddress = parseIp(written) !== undefined;
  return {
    code: "ENDPOINT_UNKNOWN",
    severity: "error",
    message: isAddress
      ? `no node has the address ${written}`
      : `${quoted(written)} is neither a node nor a DNS name with a dot`,
    at: draft.at(PATH),
    label: meant === undefined ? undefined : `did you mean ${meant}?`,
    hint: isAddress
      ? "write it at the control plane as `address`, or as `virtualAddress`, or give the machine a DNS name and write that"
      : "write the first control plane's name, or a whole DNS name such as api.home.arpa",
  };
};

const nodeEndpoint = (
  draft: Draft,
  index: number,
  nodes: readonly EndpointNode[],
): readonly Problem[] => {
  const at = draft.at(PATH);
  const name = nodes[index]?.name ?? "";
  const planes = nodes.filter(({ control }) => control);
  const first = planes[0];
  const role = draft.content.nodes?.[index]?.role;
  if (role !== undefined && role !== "control-plane") {
    return [
      {
        code: "ENDPOINT_NOT_CONTROL_PLANE",
        severity: "error",
        message: `the endpoint ${name} has the role ${role}, and no API server runs there`,
        at,
        hint:
          first?.name === undefined
            ? "name a control plane"
            : `write endpoint: ${first.name}`,
      },
    ];
  }
  if (role === undefined) {
    return [];
  }
  // kubeadm init waits for the API server at the endpoint, and at that time no other control plane is running yet.
  if (nodes[index] !== first) {
    return [
      {
        code: "ENDPOINT_NOT_FIRST",
        severity: "error",
        message: `the endpoint ${name} is not the first control plane, so the first could not start the cluster`,
        at,
        hint: `move ${name} to the top of \`nodes\`, or write endpoint: ${first?.name ?? "its name"}`,
      },
    ];
  }
  return draft.content.cluster?.virtualAddress === undefined
    ? []
    : [
        {
          code: "ENDPOINT_NOT_VIRTUAL",
          severity: "error",
          message: `the endpoint is ${name} itself, so nothing would use the virtual address`,
          at,
          hint: "remove `endpoint` (the virtual address then is the endpoint), or remove `virtualAddress`",
        },
      ];
};

export const checkEndpoint: DraftCheck = (draft) => {
  if (draft.isBroken(PATH) || draft.isBroken(VIRTUAL_PATH)) {
    return [];
  }
  const nodes = endpointNodes(draft);
  const { endpoint, virtualAddress, name } = draft.content.cluster ?? {};
  const target = endpointTarget(endpoint, {
    cluster: name ?? "",
    virtualAddress,
    nodes,
  });
  if (target.kind === "unknown") {
    const problem =
      endpoint === undefined
        ? undefined
        : unknownEndpoint(draft, endpoint, nodes);
    // A node whose name is wrong or missing may be the one that is meant, unless another node has a similar name.
    const unclear = nodes.some((node) => node.name === undefined);
    return problem === undefined || (unclear && problem.label === undefined)
      ? []
      : [problem];
  }
  if (target.kind !== "node") {
    return [];
  }
  const problems =
    endpoint === undefined ? [] : nodeEndpoint(draft, target.index, nodes);
  const planes = nodes.filter(({ control }) => control).length;
  // A warning, because the cluster works as long as that node does.
  return problems.length > 0 || planes < 2
    ? problems
    : [
        {
          code: "ENDPOINT_FIXED_TO_NODE",
          severity: "warning",
          message: `the endpoint of ${planes} control planes is the node ${target.host}: without it, no other can be reached`,
          at:
            endpoint === undefined ? draft.keyAt(["cluster"]) : draft.at(PATH),
          hint: "add `virtualAddress`, or write a DNS name that can point elsewhere",
        },
      ];
};
