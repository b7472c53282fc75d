// Which addresses of a running cluster become which, by two inventories that say the same but for them.
import { isDeepStrictEqual } from "node:util";
import type {
  Addressing,
  ResolvedNode,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import {
  controlPlanes,
  kubernetesAddresses,
} from "../../kubernetes/addresses.ts";
import { UserError } from "../../report/user-error.ts";

type Pairs = readonly (readonly [old: string, now: string])[];

export type Renumbering = {
  /** Addresses without prefix lengths; empty where only gateways or name servers change. */
  readonly pairs: Pairs;
  /** The control planes whose members of etcd have to be told first, with those of the pairs that are theirs; mostly none. */
  readonly etcd:
    { readonly planes: readonly string[]; readonly pairs: Pairs } | undefined;
  /** Every node that has to know of it. */
  readonly nodes: readonly {
    readonly name: string;
    /** Whether its own network changes. */
    readonly network: boolean;
    readonly isGateway: boolean;
  }[];
};

const refuse = (message: string, hint: string): UserError =>
  new UserError("NODE_NOT_RENUMBERED", message, {
    hint,
    state: "nothing was changed",
  });

const withoutAddresses = ({ cluster, nodes, ...rest }: ResolvedProject) => ({
  ...rest,
  cluster: {
    ...cluster,
    endpoint: {
      ...cluster.endpoint,
      address: cluster.endpoint.address !== undefined,
    },
  },
  nodes: nodes.map(({ network, ...node }) => ({
    ...node,
    network: { ...network, addressing: network.addressing.method },
  })),
});

const bare = (addressing: Addressing): readonly string[] =>
  addressing.method === "static"
    ? addressing.addresses.map((address) => address.replace(/\/.*/, ""))
    : [];

/** The address of each control plane by which the members of etcd know each other, as it was and as it will be. */
const memberAddresses = (
  old: ResolvedProject,
  now: ResolvedProject,
): readonly (readonly [name: string, was: string, is: string])[] => {
  const later = controlPlanes(now);
  return controlPlanes(old).flatMap((plane, index) => {
    const next = later[index];
    const [was] = kubernetesAddresses(old, plane);
    const [is] = next === undefined ? [] : kubernetesAddresses(now, next);
    return was === undefined || is === undefined
      ? []
      : [[plane.name, was, is] as const];
  });
};

/**
 * Each member is known at both addresses for a while, and etcd takes no address that another member has.
 * https://github.com/etcd-io/etcd/blob/v3.6.8/server/etcdserver/api/membership/cluster.go (ErrPeerURLexists)
 */
const demandNoSwap = (members: ReturnType<typeof memberAddresses>): void => {
  for (const [name, , is] of members) {
    const holder = members.find(([other, was]) => other !== name && was === is);
    if (holder !== undefined) {
      throw refuse(
        `${name} would get ${is}, which ${holder[0]} has now, and etcd has to know both control planes at it for a while`,
        "give the control planes addresses that none of them has now; a second `pi-image renumber` can then give them these",
      );
    }
  }
};

/** The endpoint's own address, where it is none of a node; API servers have it in their certificates. */
const endpointPair = (
  old: ResolvedProject,
  now: ResolvedProject,
  pairs: Pairs,
  members: ReturnType<typeof memberAddresses>,
): Pairs => {
  const { address: was, host } = old.cluster.endpoint;
  const { address: is } = now.cluster.endpoint;
  if (
    was === undefined ||
    is === undefined ||
    was === is ||
    pairs.some(([address]) => address === was)
  ) {
    return [];
  }
  const stays = members.find(([, before, after]) => before === after);
  if (stays !== undefined) {
    throw refuse(
      `${host} would get another address, and ${stays[0]} would keep its own: API servers get certificates for the one with the other`,
      `leave ${host} its address, or change that of every control plane`,
    );
  }
  return [[was, is]];
};

/** Volumes name the server's address for ever. https://kubernetes.io/docs/concepts/storage/persistent-volumes/ */
const demandNoExports = (moved: readonly ResolvedNode[]): void => {
  const server = moved.find((node) => node.exports !== undefined);
  if (server !== undefined) {
    throw refuse(
      `the volumes of the cluster name the address of ${server.name}, and cannot be changed`,
      `leave ${server.name} its address, or move the data to new volumes`,
    );
  }
};

/**
 * Pure.
 *
 * @throws UserError NODE_NOT_RENUMBERED where the two differ in anything else, or in nothing, or where addresses cannot change
 */
export const planRenumbering = (
  old: ResolvedProject,
  now: ResolvedProject,
  file: string,
): Renumbering => {
  if (!isDeepStrictEqual(withoutAddresses(old), withoutAddresses(now))) {
    throw refuse(
      `${file} says something else, too, than other addresses`,
      "change nothing in it but `address`, `gateway` and `nameservers`; a node that gets a fixed address, or none any more, is flashed anew",
    );
  }
  const changed = old.nodes.flatMap((node, index) => {
    const next = now.nodes[index]?.network.addressing;
    return next === undefined ||
      isDeepStrictEqual(node.network.addressing, next)
      ? []
      : [{ node, next }];
  });
  const members = memberAddresses(old, now);
  demandNoSwap(members);
  const nodePairs = changed.flatMap(({ node, next }) => {
    const addresses = bare(next);
    return bare(node.network.addressing).flatMap((address, at) => {
      const other = addresses[at];
      return other === undefined || other === address
        ? []
        : [[address, other] as const];
    });
  });
  const pairs = [...nodePairs, ...endpointPair(old, now, nodePairs, members)];
  if (changed.length === 0) {
    throw refuse(
      `${file} has the addresses that the nodes have`,
      "write the new ones into it",
    );
  }
  demandNoExports(
    changed
      .map(({ node }) => node)
      .filter(({ network }) =>
        pairs.some(([address]) => bare(network.addressing).includes(address)),
      ),
  );
  const nodes = old.nodes.flatMap((node) => {
    const network = changed.some((one) => one.node === node);
    return network || (node.joins && pairs.length > 0)
      ? { name: node.name, network, isGateway: node.role === "gateway" }
      : [];
  });
  const moving = members.filter(([, was, is]) => was !== is);
  const etcd =
    moving.length > 0 && (members.length > 1 || old.cluster.endpoint.virtual)
      ? {
          planes: members.map(([name]) => name),
          pairs: moving.map(([, was, is]) => [was, is] as const),
        }
      : undefined;
  return { pairs, etcd, nodes };
};
