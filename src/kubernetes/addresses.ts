// By which names and addresses nodes and the API server are reached.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";

/** The port on which kubeadm lets the API server listen by default. */
const API_SERVER_PORT = 6443;

/** The node's fixed address without prefix, or undefined with DHCP. */
export const staticAddress = ({
  network: { addressing },
}: ResolvedNode): string | undefined =>
  addressing.method === "static" ? addressing.address.split("/")[0] : undefined;

/** The name that a node announces by mDNS. */
export const mdnsName = (node: string): string => `${node}.local`;

/** The node's address without prefix where it is known before the first boot: fixed, or kept for it by the gateway. */
export const knownAddress = (node: ResolvedNode): string | undefined =>
  node.reserved?.split("/")[0] ?? staticAddress(node);

/** What the laptop calls a node by: its address where that is known, or else the mDNS name. */
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

/** The gateway, and the port of its uplink that leads to the API server; undefined where there is none. */
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

/** `host:port` with the brackets that IPv6 needs. */
export const hostAndPort = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/**
 * The port that the API server of each control plane binds. It is the endpoint's where a control plane holds the endpoint
 * itself; the port of a load balancer says nothing about the servers behind it.
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
 * `https://...` by which the laptop reaches the API server. It may not resolve the endpoint's name, so the address is taken
 * where the inventory fixes one, and the mDNS name of a control plane that has its address from DHCP. Where a port of a
 * gateway leads to the API server, that is the way.
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
