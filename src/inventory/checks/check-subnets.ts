// Pods, services and the local network: three ranges that must not share an address.
import type { Problem } from "../../report/problem.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { draftGateway, type DraftGateway } from "../draft-gateway.ts";
import {
  contains,
  formatCidr,
  networkOf,
  cidrsOverlap,
  parseAddress,
  parseCidr,
  type Cidr,
} from "../rules/ipv4.ts";
import { joinsCluster, nodesOf, titleOf } from "../settings.ts";
import type { Path } from "../yaml/yaml-file.ts";

type TitledCidr = {
  readonly cidr: Cidr;
  readonly title: string;
  /** Undefined where it is not written and the default applies. */
  readonly path: Path | undefined;
};

/** The private ranges of RFC 1918, cut into pieces of the default size, for suggestions. */
const FREE_CANDIDATES = ["10.244.0.0/16", "10.42.0.0/16", "172.20.0.0/16"];

const rangeOf = (
  draft: Draft,
  key: "podSubnet" | "serviceSubnet",
  title: string,
): readonly TitledCidr[] => {
  const path = ["cluster", key];
  if (draft.isBroken(path)) {
    return [];
  }
  const written = draft.content.cluster?.[key];
  const cidr = parseCidr(written ?? DEFAULT_CLUSTER[key]);
  return cidr === undefined
    ? []
    : [{ cidr, title, path: written === undefined ? undefined : path }];
};

const servedRange = ({ network, path }: DraftGateway): TitledCidr => ({
  cidr: networkOf(network),
  title: "the network behind the gateway",
  path: [...path, "address"],
});

/** A gateway with the same addresses on both sides cannot tell where a packet belongs. */
const uplinkOverlap = (draft: Draft): readonly Problem[] => {
  const gateway = draftGateway(draft);
  const uplink = parseCidr(gateway?.node.address ?? "");
  return gateway === undefined || uplink === undefined
    ? []
    : cidrProblems(
        draft,
        servedRange(gateway),
        {
          cidr: networkOf(uplink),
          title: "the network of its uplink",
          path: ["nodes", gateway.index, "address"],
        },
        undefined,
      );
};

/** Each network of the nodes once, and the virtual address. */
const localNetworks = (draft: Draft): readonly TitledCidr[] => {
  const networks = new Map<string, TitledCidr>();
  for (const { index, node } of nodesOf(draft)) {
    const cidr =
      node.address === undefined ? undefined : parseCidr(node.address);
    if (cidr !== undefined) {
      const network = networkOf(cidr);
      const name = formatCidr(network);
      networks.set(
        name,
        networks.get(name) ?? {
          cidr: network,
          title: `the network of ${titleOf({ index, node })}`,
          path: ["nodes", index, "address"],
        },
      );
    }
  }
  const gateway = draftGateway(draft);
  if (gateway !== undefined) {
    const network = networkOf(gateway.network);
    const name = formatCidr(network);
    networks.set(name, networks.get(name) ?? servedRange(gateway));
  }
  const virtual = draft.content.cluster?.virtualAddress;
  const address = virtual === undefined ? undefined : parseAddress(virtual);
  const covered = [...networks.values()].some(
    ({ cidr }) => address !== undefined && contains(cidr, address),
  );
  return address === undefined || covered
    ? [...networks.values()]
    : [
        ...networks.values(),
        {
          cidr: { address, prefix: 32 },
          title: "the virtual address",
          path: ["cluster", "virtualAddress"],
        },
      ];
};

const cidrProblems = (
  draft: Draft,
  a: TitledCidr,
  b: TitledCidr,
  free: string | undefined,
): readonly Problem[] => {
  if (!cidrsOverlap(a.cidr, b.cidr)) {
    return [];
  }
  const path = a.path ?? b.path ?? ["cluster"];
  const other = a.path === undefined ? a : b;
  const where =
    other.path === undefined
      ? "the default"
      : `line ${draft.at(other.path).line}`;
  return [
    {
      code: "SUBNET_OVERLAP",
      severity: "error",
      message: `${a.title} (${formatCidr(a.cidr)}) and ${b.title} (${formatCidr(b.cidr)}) overlap`,
      at: draft.at(path),
      label: `overlaps ${formatCidr(other.cidr)} (${where})`,
      hint:
        free === undefined
          ? "give each its own range"
          : `give each its own range, for example podSubnet: ${free}`,
    },
  ];
};

export const checkSubnets: DraftCheck = (draft) => {
  const pods = rangeOf(draft, "podSubnet", "the range of pods");
  const services = rangeOf(draft, "serviceSubnet", "the range of services");
  const local = localNetworks(draft);
  const used = [...services, ...local].map(({ cidr }) => cidr);
  const free = FREE_CANDIDATES.find((candidate) => {
    const cidr = parseCidr(candidate);
    return (
      cidr !== undefined && !used.some((other) => cidrsOverlap(cidr, other))
    );
  });
  return [
    ...pods.flatMap((a) =>
      [...services, ...local].flatMap((b) => cidrProblems(draft, a, b, free)),
    ),
    ...services.flatMap((a) =>
      local.flatMap((b) => cidrProblems(draft, a, b, undefined)),
    ),
    ...uplinkOverlap(draft),
  ];
};

/** kubeadm's controller manager gives each node a /24 of the pods' range. */
export const checkPodRoom: DraftCheck = (draft) => {
  const [pods] = rangeOf(draft, "podSubnet", "");
  const nodes = (draft.content.nodes ?? []).filter(
    (node) => node === undefined || joinsCluster(node),
  ).length;
  const room = pods === undefined ? nodes : 2 ** (24 - pods.cidr.prefix);
  return room >= nodes || pods === undefined
    ? []
    : [
        {
          code: "SUBNET_TOO_SMALL",
          severity: "error",
          message: `the range of pods has room for ${room} nodes, and the inventory has ${nodes}`,
          at: draft.at(["cluster", "podSubnet"]),
          hint: "each node takes a /24: use a shorter prefix length, such as /16",
        },
      ];
};
