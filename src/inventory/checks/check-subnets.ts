// Pods, services and the local network: three ranges that must not share an address.
import type { Problem } from "../../report/problem.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { draftGateway, type DraftGateway } from "../draft-gateway.ts";
import {
  alone,
  formatIpCidr,
  holdsIp,
  networkOfIp,
  networksOverlap,
  parseIp,
  parseIpCidr,
  type Family,
  type IpCidr,
} from "../rules/ip.ts";
import { nodePrefix } from "../rules/pod-ranges.ts";
import { joinsCluster, nodesOf, titleOf } from "../settings.ts";
import { cidrsOf } from "../written-addresses.ts";
import type { Path } from "../yaml/yaml-file.ts";

type TitledCidr = {
  readonly cidr: IpCidr;
  readonly title: string;
  /** Undefined where it is not written and the default applies. */
  readonly path: Path | undefined;
};

/** Private ranges (RFC 1918, RFC 4193), cut into pieces of the default size, for suggestions. */
const FREE_CANDIDATES = {
  4: ["10.244.0.0/16", "10.42.0.0/16", "172.20.0.0/16"],
  6: ["fd00:10:244::/56", "fd00:10:42::/56"],
};

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
  return cidrsOf(written ?? DEFAULT_CLUSTER[key]).map((cidr) => ({
    cidr,
    title,
    path: written === undefined ? undefined : path,
  }));
};

const servedRange = ({ node, path }: DraftGateway): readonly TitledCidr[] =>
  cidrsOf(node.serves?.address).map((cidr) => ({
    cidr: networkOfIp(cidr),
    title: "the network behind the gateway",
    path: [...path, "address"],
  }));

/** A gateway with the same addresses on both sides cannot tell where a packet belongs. */
const uplinkOverlap = (draft: Draft): readonly Problem[] => {
  const gateway = draftGateway(draft);
  return gateway === undefined
    ? []
    : cidrsOf(gateway.node.address).flatMap((uplink) =>
        servedRange(gateway).flatMap((served) =>
          cidrProblems(
            draft,
            served,
            {
              cidr: networkOfIp(uplink),
              title: "the network of its uplink",
              path: ["nodes", gateway.index, "address"],
            },
            undefined,
          ),
        ),
      );
};

/** Each network of the nodes once, and the virtual address. */
const localNetworks = (draft: Draft): readonly TitledCidr[] => {
  const networks = new Map<string, TitledCidr>();
  for (const { index, node } of nodesOf(draft)) {
    for (const cidr of cidrsOf(node.address)) {
      const network = networkOfIp(cidr);
      const name = formatIpCidr(network);
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
  for (const served of gateway === undefined ? [] : servedRange(gateway)) {
    const name = formatIpCidr(served.cidr);
    networks.set(name, networks.get(name) ?? served);
  }
  const address = parseIp(draft.content.cluster?.virtualAddress ?? "");
  const covered = [...networks.values()].some(
    ({ cidr }) => address !== undefined && holdsIp(cidr, address),
  );
  return address === undefined || covered
    ? [...networks.values()]
    : [
        ...networks.values(),
        {
          cidr: alone(address),
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
  if (!networksOverlap(a.cidr, b.cidr)) {
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
      message: `${a.title} (${formatIpCidr(a.cidr)}) and ${b.title} (${formatIpCidr(b.cidr)}) overlap`,
      at: draft.at(path),
      label: `overlaps ${formatIpCidr(other.cidr)} (${where})`,
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
  const freeOf = (family: Family) =>
    FREE_CANDIDATES[family].find((candidate) => {
      const cidr = parseIpCidr(candidate);
      return (
        cidr !== undefined &&
        !used.some((other) => networksOverlap(cidr, other))
      );
    });
  return [
    ...pods.flatMap((a) =>
      [...services, ...local].flatMap((b) =>
        cidrProblems(draft, a, b, freeOf(a.cidr.family)),
      ),
    ),
    ...services.flatMap((a) =>
      local.flatMap((b) => cidrProblems(draft, a, b, undefined)),
    ),
    ...uplinkOverlap(draft),
  ];
};

/** The controller manager gives each node a part of each of the pods' ranges. */
export const checkPodRoom: DraftCheck = (draft) => {
  const nodes = (draft.content.nodes ?? []).filter(
    (node) => node === undefined || joinsCluster(node),
  ).length;
  return rangeOf(draft, "podSubnet", "").flatMap(({ cidr }) => {
    const part = nodePrefix(cidr);
    const room = 2 ** (part - cidr.prefix);
    return room >= nodes
      ? []
      : [
          {
            code: "SUBNET_TOO_SMALL",
            severity: "error",
            message: `the range of pods has room for ${room} nodes, and the inventory has ${nodes}`,
            at: draft.at(["cluster", "podSubnet"]),
            hint: `each node takes a /${part}: use a shorter prefix length, such as /${cidr.family === 4 ? 16 : 56}`,
          },
        ];
  });
};
