// Which addresses of a running cluster become which, by two inventories that say the same but for them.
import { isDeepStrictEqual } from "node:util";
import type {
  Addressing,
  ResolvedNode,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { UserError } from "../../report/user-error.ts";

export type Renumbering = {
  /** Addresses without prefix lengths; empty where only gateways or name servers change. */
  readonly pairs: readonly (readonly [old: string, now: string])[];
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
    endpoint: { ...cluster.endpoint, address: undefined },
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

const ELSEWHERE = "docs/day-2.md has the way for the others, with a backup";

const demandLonePlane = (old: ResolvedProject): void => {
  const planes = controlPlanes(old);
  if (planes.length > 1) {
    throw refuse(
      `etcd's members on ${listed(planes.map(({ name }) => name))} know each other by address, and cannot all change at once`,
      ELSEWHERE,
    );
  }
  if (old.cluster.endpoint.virtual) {
    throw refuse(
      "the cluster has a virtual address, which its nodes and kubeconfigs were given",
      ELSEWHERE,
    );
  }
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
  demandLonePlane(old);
  const changed = old.nodes.flatMap((node, index) => {
    const next = now.nodes[index]?.network.addressing;
    return next === undefined ||
      isDeepStrictEqual(node.network.addressing, next)
      ? []
      : [{ node, next }];
  });
  if (changed.length === 0) {
    throw refuse(
      `${file} has the addresses that the nodes have`,
      "write the new ones into it",
    );
  }
  const pairs = changed.flatMap(({ node, next }) => {
    const addresses = bare(next);
    return bare(node.network.addressing).flatMap((address, at) => {
      const other = addresses[at];
      return other === undefined || other === address
        ? []
        : [[address, other] as const];
    });
  });
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
  return { pairs, nodes };
};
