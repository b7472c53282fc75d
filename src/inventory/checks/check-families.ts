// The families of a cluster: its ranges must agree, its nodes must have addresses of them, and its plug-in must know them.
import type { Problem } from "../../report/problem.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import type { Draft, DraftCheck } from "../draft.ts";
import { draftGateway, draftMember, isWired } from "../draft-gateway.ts";
import { isBehind } from "../gateway-network.ts";
import { familyName, type Family } from "../rules/ip.ts";
import { BY_FIRST_ADDRESS, CNIS } from "../resolved.ts";
import { joinsCluster, nodesOf, titleOf } from "../settings.ts";
import { listed } from "../wording.ts";
import { cidrsOf, familiesIn, hasGap, ofFamily } from "../written-addresses.ts";

const familiesAt = (
  draft: Draft,
  key: "podSubnet" | "serviceSubnet",
): readonly Family[] | undefined => {
  const written = draft.content.cluster?.[key];
  return draft.isBroken(["cluster", key]) || hasGap(written)
    ? undefined
    : familiesIn(written ?? DEFAULT_CLUSTER[key]);
};

const namesOf = (families: readonly Family[]): string =>
  listed(families.map(familyName));

/** An example of what is to be written for a range of the same families as the other. */
const example = (
  key: "podSubnet" | "serviceSubnet",
  families: readonly Family[],
): string =>
  families
    .map((family) =>
      family === 4
        ? DEFAULT_CLUSTER[key]
        : key === "podSubnet"
          ? "fd00:10:244::/56"
          : "fd00:10:96::/112",
    )
    .join(",");

/** The API server takes its own address's family from the services' first range, and each family of services needs pods of it. */
export const checkRangeFamilies: DraftCheck = (draft) => {
  const pods = familiesAt(draft, "podSubnet");
  const services = familiesAt(draft, "serviceSubnet");
  if (
    pods === undefined ||
    services === undefined ||
    pods.join(" ") === services.join(" ")
  ) {
    return [];
  }
  const { podSubnet, serviceSubnet } = draft.content.cluster ?? {};
  const written = podSubnet === undefined ? "serviceSubnet" : "podSubnet";
  const other = written === "podSubnet" ? "serviceSubnet" : "podSubnet";
  const wanted = written === "podSubnet" ? pods : services;
  const both = podSubnet !== undefined && serviceSubnet !== undefined;
  return [
    {
      code: "SUBNET_FAMILIES",
      severity: "error",
      message: `the range of pods is ${namesOf(pods)}, and the range of services is ${namesOf(services)}`,
      at: draft.at(["cluster", written]),
      label: both
        ? undefined
        : `${other} is ${DEFAULT_CLUSTER[other]}, the default`,
      hint: `write both with the same families in the same order, for example ${other}: ${example(other, wanted)}`,
    },
  ];
};

/** Which address a router gives a node, only the node sees; of fixed ones, every family of the cluster needs one. */
export const checkNodeFamilies: DraftCheck = (draft) => {
  const families = familiesAt(draft, "podSubnet") ?? [];
  const served = draftGateway(draft);
  return nodesOf(draft).flatMap(({ index, node }): readonly Problem[] => {
    const path = ["nodes", index, "address"];
    const addresses = cidrsOf(node.address);
    const title = titleOf({ index, node });
    const behind =
      served !== undefined &&
      isBehind(served.network, draftMember(draft, index));
    if (
      !joinsCluster(node) ||
      draft.isBroken(path) ||
      hasGap(node.address) ||
      (addresses.length === 0 && !behind)
    ) {
      return [];
    }
    const missing = families.filter(
      (family) =>
        ofFamily(addresses, family) === undefined &&
        !(family === 4 && behind && addresses.length === 0),
    );
    return missing.map((family) => ({
      code: "NODE_FAMILY_MISSING",
      severity: "error",
      message:
        addresses.length === 0
          ? `${title} is behind the gateway, which gives no ${familyName(family)} address, and the cluster is ${namesOf(families)}`
          : `${title} has no ${familyName(family)} address, and the cluster is ${namesOf(families)} by podSubnet`,
      at: addresses.length === 0 ? draft.at(["nodes", index]) : draft.at(path),
      hint:
        family === 4 || addresses.length === 0
          ? `give it fixed addresses of both, such as [192.168.1.50/24, "fd00::50/64"], or write podSubnet and serviceSubnet of its own family`
          : families.length > 1
            ? `write both, for example [${String(node.address)}, "fd00::50/64"], or leave \`address\` out where the network gives both`
            : "write an IPv6 address, or podSubnet and serviceSubnet of IPv4",
    }));
  });
};

/** A plug-in that takes the first address of an interface cannot do with several uplinks, or several addresses on one. */
export const checkPluginFamilies: DraftCheck = (draft) => {
  const { cni = DEFAULT_CLUSTER.cni, virtualAddress } =
    draft.content.cluster ?? {};
  const families = familiesAt(draft, "podSubnet") ?? [];
  if (cni !== BY_FIRST_ADDRESS || !families.includes(6)) {
    return [];
  }
  const at =
    draft.content.cluster?.cni === undefined
      ? draft.keyAt(["cluster"])
      : draft.at(["cluster", "cni"]);
  const wired = new Set(
    nodesOf(draft)
      .filter(({ node }) => joinsCluster(node))
      .map(({ index }) => isWired(draft, index)),
  );
  const because =
    virtualAddress !== undefined
      ? "cannot tell a node's own IPv6 address from the virtual address"
      : wired.has(true) && wired.has(false) && families.length > 1
        ? "cannot find the uplink of each node in dual stack, and some nodes are on Ethernet and some on Wi-Fi"
        : undefined;
  return because === undefined
    ? []
    : [
        {
          code: "CNI_FAMILY_UNSUPPORTED",
          severity: "error",
          message: `${cni} ${because}`,
          at,
          hint: `write ${listed(
            CNIS.filter((name) => name !== cni).map((name) => `cni: ${name}`),
            "or",
          )}`,
        },
      ];
};
