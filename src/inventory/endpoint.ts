// What the written endpoint stands for: a node, the virtual address, or a name that something else resolves.
import { parseIp, sameIp, type Ip } from "./rules/ip.ts";

/** kubeadm's own port of the API server; the inventory has no key for another. */
export const API_PORT = 6443;

export type EndpointNode = {
  readonly name: string | undefined;
  readonly control: boolean;
  /** The fixed addresses; none with DHCP. */
  readonly addresses: readonly Ip[];
};

export type EndpointTarget =
  | {
      readonly kind: "node";
      readonly index: number;
      readonly host: string;
      /** Where the endpoint is written as an address. */
      readonly address: Ip | undefined;
    }
  | { readonly kind: "virtual"; readonly host: string }
  | { readonly kind: "name"; readonly host: string }
  | { readonly kind: "unknown" };

type EndpointCluster = {
  readonly cluster: string;
  readonly virtualAddress: string | undefined;
  readonly nodes: readonly EndpointNode[];
};

/** The host name that stands for the virtual address. */
export const virtualHost = (cluster: string): string => `${cluster}-api`;

/** `written` is a value that passed `endpointRule`; undefined asks for the default. */
export const endpointTarget = (
  written: string | undefined,
  { cluster, virtualAddress, nodes }: EndpointCluster,
): EndpointTarget => {
  const host = virtualHost(cluster);
  const writtenIp = parseIp(written ?? "");
  const virtualIp = parseIp(virtualAddress ?? "");
  const virtual =
    virtualAddress === undefined
      ? undefined
      : ({ kind: "virtual", host } as const);
  // A virtual address is also the default with one control plane: two more can then be added without touching the workers.
  const index =
    written === undefined
      ? nodes.findIndex(({ control }) => control)
      : nodes.findIndex(
          ({ name, addresses }) =>
            (writtenIp !== undefined &&
              addresses.some((address) => sameIp(address, writtenIp))) ||
            (name !== undefined &&
              (written === name || written === `${name}.local`)),
        );
  const name = nodes[index]?.name;
  if (written === undefined && virtual !== undefined) {
    return virtual;
  }
  if (name !== undefined) {
    const local = written === `${name}.local`;
    return {
      kind: "node",
      index,
      host: local ? `${name}.local` : name,
      address: writtenIp,
    };
  }
  if (written === undefined) {
    return { kind: "unknown" };
  }
  const isVirtual =
    written === host ||
    (writtenIp !== undefined &&
      virtualIp !== undefined &&
      sameIp(writtenIp, virtualIp));
  if (virtual !== undefined && isVirtual) {
    return virtual;
  }
  const isName =
    writtenIp === undefined && written.includes(".") && !/\.\d+$/.test(written);
  if (!isName) {
    return { kind: "unknown" };
  }
  return virtual === undefined
    ? { kind: "name", host: written }
    : { kind: "virtual", host: written };
};
