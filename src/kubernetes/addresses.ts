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

/** What the laptop calls a node by: the address that the inventory fixes, or else the mDNS name. */
export const laptopHost = (node: ResolvedNode): string =>
  staticAddress(node) ?? mdnsName(node.name);

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
 * where the inventory fixes one, and the mDNS name of a control plane that has its address from DHCP.
 */
export const laptopServer = (project: ResolvedProject): string => {
  const { host, port, address } = project.cluster.endpoint;
  const holder = controlPlanes(project).find(({ name }) => name === host);
  const reached = address ?? (holder === undefined ? host : laptopHost(holder));
  return `https://${hostAndPort(reached, port)}`;
};
