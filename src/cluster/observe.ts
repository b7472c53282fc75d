// Looks once at every node of the inventory from the laptop: by the network, by SSH and by the API server.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { laptopHost, laptopServer } from "../kubernetes/addresses.ts";
import type { ClusterSecrets } from "../kubernetes/cluster-secrets.ts";
import { type ApiFailure, type ApiServer, askApi } from "./api-client.ts";
import { type ApiNode, parseNodeList } from "./api-nodes.ts";
import { findAddress } from "./find-address.ts";
import { askNodeStatus, type NodeStatus } from "./node-status.ts";
import { type PortState, probePort } from "./probe-port.ts";

export type NodeView = {
  readonly name: string;
  readonly role: string;
  readonly address: string | undefined;
  readonly ssh: PortState | "unknown";
  /** What the node unit says of itself, where SSH gets in. */
  readonly status: NodeStatus | undefined;
  readonly joined: boolean;
  readonly ready: boolean;
  readonly notReadyBecause: string | undefined;
  readonly version: string | undefined;
  /** Seconds since the node joined. */
  readonly age: number | undefined;
};

export type ClusterView = {
  readonly nodes: readonly NodeView[];
  /** Undefined when the API server answered. */
  readonly api: ApiFailure | undefined;
};

export type Observer = {
  readonly project: ResolvedProject;
  readonly secrets: ClusterSecrets;
  /** The ssh_config that `build` wrote; undefined when there is none. */
  readonly sshConfig: string | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

const SSH_PORT = 22;

/** Where the API server is now, or why that is not known. */
export const locateApi = async ({
  project,
  secrets,
}: Observer): Promise<ApiServer | ApiFailure> => {
  const url = new URL(laptopServer(project));
  const address = await findAddress(url.hostname);
  if (address === undefined) {
    return {
      kind: "unreachable",
      message: `nobody on this network knows the name ${url.hostname}`,
    };
  }
  return {
    address,
    port: Number(url.port),
    name: project.cluster.endpoint.host,
    ca: secrets.ca.certificate,
    client: secrets.admin,
  };
};

const askNodes = async (
  observer: Observer,
): Promise<{ nodes: readonly ApiNode[]; failure: ApiFailure | undefined }> => {
  const server = await locateApi(observer);
  if ("kind" in server) {
    return { nodes: [], failure: server };
  }
  const answer = await askApi(server, "/api/v1/nodes", observer.signal);
  if (!answer.ok) {
    return { nodes: [], failure: answer.failure };
  }
  const nodes = parseNodeList(answer.body);
  return nodes === undefined
    ? {
        nodes: [],
        failure: {
          kind: "refused",
          message: `what answers at ${server.address}:${server.port} is not a Kubernetes API server`,
        },
      }
    : { nodes, failure: undefined };
};

const observeNode = async (
  node: ResolvedNode,
  api: ApiNode | undefined,
  observer: Observer,
): Promise<NodeView> => {
  const address = api?.address ?? (await findAddress(laptopHost(node)));
  const ssh =
    address === undefined ? "unknown" : await probePort(address, SSH_PORT);
  // A ready node needs no explanation; asking costs its CPU.
  const status =
    ssh === "open" && api?.ready !== true && observer.sshConfig !== undefined
      ? await askNodeStatus(node.name, observer.sshConfig, observer.signal)
      : undefined;
  return {
    name: node.name,
    role: node.role,
    address,
    ssh,
    status: status?.ok === true ? status.status : undefined,
    joined: api !== undefined,
    ready: api?.ready === true,
    notReadyBecause: api?.notReadyBecause,
    version: api?.version,
    age:
      api?.joined === undefined
        ? undefined
        : Math.max(
            0,
            Math.floor(
              (observer.now().getTime() - api.joined.getTime()) / 1000,
            ),
          ),
  };
};

export const observeCluster = async (
  observer: Observer,
): Promise<ClusterView> => {
  const { nodes, failure } = await askNodes(observer);
  const views = await Promise.all(
    observer.project.nodes.map((node) =>
      observeNode(
        node,
        nodes.find(({ name }) => name === node.name),
        observer,
      ),
    ),
  );
  return { nodes: views, api: failure };
};

export const allReady = ({ nodes }: ClusterView): boolean =>
  nodes.every(({ ready }) => ready);
