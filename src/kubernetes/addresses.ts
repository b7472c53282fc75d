// The names and addresses by which nodes and the API server are reached.
import type { Family } from "../inventory/rules/ip.ts";
import { familiesIn } from "../inventory/written-addresses.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";

/** The port on which kubeadm lets the API server listen by default. */
const API_SERVER_PORT = 6443;

/** The node's fixed addresses without prefix, the main one first; none with DHCP. */
export const staticAddresses = ({
  network: { addressing },
}: ResolvedNode): readonly string[] =>
  addressing.method === "static"
    ? addressing.addresses.map((address) => address.split("/")[0] ?? "")
    : [];

/** The main one of them. */
export const staticAddress = (node: ResolvedNode): string | undefined =>
  staticAddresses(node)[0];

/** The families of the cluster's ranges, the main one first. */
export const familiesOf = ({
  cluster,
}: Pick<ResolvedProject, "cluster">): readonly Family[] =>
  familiesIn(cluster.podSubnet);

/** Those of the node's fixed addresses that Kubernetes uses: the ones of the cluster's families. */
export const kubernetesAddresses = (
  project: Pick<ResolvedProject, "cluster">,
  node: ResolvedNode,
): readonly string[] =>
  staticAddresses(node).filter((address) =>
    familiesOf(project).includes(address.includes(":") ? 6 : 4),
  );

/** The name that a node announces by mDNS. */
export const mdnsName = (node: string): string => `${node}.local`;

/** The node's address without prefix length, if it is known before the first boot: fixed, or reserved by the gateway. */
export const knownAddress = (node: ResolvedNode): string | undefined =>
  node.reserved?.split("/")[0] ?? staticAddress(node);

/** All of the node's addresses that are known before the first boot. */
export const knownAddresses = (node: ResolvedNode): readonly string[] => [
  ...new Set([knownAddress(node) ?? [], staticAddresses(node)].flat()),
];

/** How the laptop addresses a node: by its address where that is known, or else by the mDNS name. */
export const laptopHost = (node: ResolvedNode): string =>
  knownAddress(node) ?? mdnsName(node.name);

/** The node through which the laptop reaches this one; undefined where it reaches it directly. */
export const jumpHost = (
  { nodes }: ResolvedProject,
  node: ResolvedNode,
): ResolvedNode | undefined =>
  node.reserved === undefined
    ? undefined
    : nodes.find(({ serves }) => serves !== undefined);

/** The gateway that forwards a port to the API server, and that port; undefined where none does. */
export const apiForward = (
  project: ResolvedProject,
): { readonly gateway: ResolvedNode; readonly port: number } | undefined => {
  const planes = controlPlanes(project).map(({ name }) => name);
  const server = apiServerPort(project);
  for (const gateway of project.nodes) {
    const forward = gateway.serves?.forwards.find(
      ({ to, toPort, protocol }) =>
        protocol === "tcp" && toPort === server && planes.includes(to),
    );
    if (forward !== undefined) {
      return { gateway, port: forward.port };
    }
  }
  return undefined;
};

export const controlPlanes = ({
  nodes,
}: ResolvedProject): readonly ResolvedNode[] =>
  nodes.filter(({ role }) => role === "control-plane");

/** `host:port`, with brackets around an IPv6 address. */
export const hostAndPort = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/**
 * The port on which the API server of each control plane listens. It is the endpoint's port where a control plane itself is
 * the endpoint; the port of a load balancer says nothing about the servers behind it.
 */
export const apiServerPort = (project: ResolvedProject): number => {
  const { host, port, virtual } = project.cluster.endpoint;
  const own = controlPlanes(project).some(({ name }) => name === host);
  return virtual || own ? port : API_SERVER_PORT;
};

/** `https://...` by which the cluster's own nodes reach the API server: the endpoint's name. */
export const nodesServer = ({ cluster }: ResolvedProject): string =>
  `https://${hostAndPort(cluster.endpoint.host, cluster.endpoint.port)}`;

/**
 * `https://...` by which the laptop reaches the API server. The laptop may not be able to resolve the endpoint's name, so
 * this uses the address where the inventory fixes one, and the mDNS name of a control plane with DHCP. Where a gateway
 * forwards a port to the API server, that port is used.
 */
export const laptopServer = (project: ResolvedProject): string => {
  const { host, port, address } = project.cluster.endpoint;
  const forward = apiForward(project);
  if (forward !== undefined) {
    return `https://${hostAndPort(laptopHost(forward.gateway), forward.port)}`;
  }
  const holder = controlPlanes(project).find(({ name }) => name === host);
  const reached = address ?? (holder === undefined ? host : laptopHost(holder));
  return `https://${hostAndPort(reached, port)}`;
};
