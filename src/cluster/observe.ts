// Looks once at every node of the inventory from the laptop: over the network, by SSH and through the API server.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { jumpHost } from "../kubernetes/addresses.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { endedAdminCertificate } from "./admin-certificate.ts";
import { askApi } from "./api-client.ts";
import { type ApiNode, parseNodeList } from "./api-nodes.ts";
import {
  type ApiFailure,
  locateApi,
  apiServerPlace,
} from "./reach-api-server.ts";
import { findNode } from "./find-address.ts";
import { askNodeStatus, type StatusAnswer } from "./node-status.ts";
import { type PortState, probePort } from "./probe-port.ts";
import { type SnapshotAge, snapshotAge } from "./snapshots/snapshot-age.ts";

export type NodeView = {
  readonly name: string;
  readonly role: string;
  readonly address: string | undefined;
  /** Undefined without an address. */
  readonly ssh: PortState | undefined;
  /** What the node unit says about itself, or why that is not known; undefined where SSH is not open. */
  readonly status: StatusAnswer | undefined;
  /** Whether it is to become a node of the Kubernetes cluster. */
  readonly joins: boolean;
  readonly joined: boolean;
  /** For a node that is not part of the cluster: whether its node unit is done. */
  readonly ready: boolean;
  readonly notReadyBecause: string | undefined;
  readonly version: string | undefined;
  /** Seconds since the node joined. */
  readonly age: number | undefined;
  /** Who keeps pods away from it, as a sentence without its name; undefined where nobody does. */
  readonly keptAway: string | undefined;
  /** Of the newest snapshot of etcd; undefined where the node has told of none. */
  readonly snapshot: SnapshotAge | undefined;
};

export type ClusterView = {
  readonly nodes: readonly NodeView[];
  /** Undefined when the API server answered. */
  readonly api: ApiFailure | undefined;
};

export type Observer = {
  readonly project: ResolvedProject;
  readonly secrets: ClusterSecrets;
  /** An ssh_config file with the host keys of the cluster. */
  readonly sshConfig: string;
  /** The command with which a person logs in to a node, for hints, such as `ssh -F out/ssh_config`. */
  readonly sshCommand: string;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

export const SSH_PORT = 22;

type KnownNodes = {
  readonly nodes: readonly ApiNode[];
  readonly failure: ApiFailure | undefined;
};

/** The nodes that the API server knows. */
export const askNodes = async (observer: Observer): Promise<KnownNodes> => {
  const ended = endedAdminCertificate(observer.secrets, observer.now());
  if (ended !== undefined) {
    return { nodes: [], failure: ended };
  }
  const server = await locateApi(observer.project, observer.secrets);
  if ("kind" in server) {
    return { nodes: [], failure: server };
  }
  const answer = await askApi(server, "/api/v1/nodes", observer);
  if (!answer.ok) {
    return { nodes: [], failure: answer.failure };
  }
  const nodes = parseNodeList(answer.body);
  return nodes === undefined
    ? {
        nodes: [],
        failure: {
          kind: "starting",
          message: `what answers at ${apiServerPlace(server)} is not an API server`,
        },
      }
    : { nodes, failure: undefined };
};

/** For a node behind a gateway, only the gateway can tell whether it listens. */
const reachNode = async (
  node: ResolvedNode,
  address: string | undefined,
  { project, sshConfig, signal }: Observer,
): Promise<Pick<NodeView, "ssh" | "status">> => {
  const jump = jumpHost(project, node);
  const probed = jump === undefined ? address : await findNode(project, jump);
  const ssh =
    probed === undefined ? undefined : await probePort(probed, SSH_PORT);
  if (ssh !== "open") {
    return {
      ssh: jump === undefined ? ssh : undefined,
      status:
        jump === undefined
          ? undefined
          : { ok: false, because: `its gateway ${jump.name} does not answer` },
    };
  }
  const status = await askNodeStatus(node.name, sshConfig, signal);
  return { ssh: jump === undefined || status.ok ? ssh : undefined, status };
};

const observeNode = async (
  node: ResolvedNode,
  api: ApiNode | undefined,
  found: string | undefined,
  observer: Observer,
): Promise<NodeView> => {
  // The API keeps a node's last address; if the node is not ready, the network may know a newer one.
  const address =
    api?.ready === true ? (api.address ?? found) : (found ?? api?.address);
  const reached = await reachNode(node, address, observer);
  const seconds =
    api?.joined === undefined
      ? undefined
      : (observer.now().getTime() - api.joined.getTime()) / 1000;
  return {
    name: node.name,
    role: node.role,
    address,
    ...reached,
    joins: node.joins,
    joined: api !== undefined,
    ready: node.joins
      ? api?.ready === true
      : reached.status?.ok === true && reached.status.status.state === "done",
    notReadyBecause: api?.notReadyBecause,
    version: api?.version,
    keptAway: api?.keptAway,
    age: seconds === undefined ? undefined : Math.max(0, Math.floor(seconds)),
    snapshot:
      reached.status?.ok === true &&
      reached.status.status.snapshot !== undefined
        ? snapshotAge(reached.status.status.snapshot, observer.now())
        : undefined,
  };
};

/** Takes at most about twenty seconds, all nodes at once. */
export const observeCluster = async (
  observer: Observer,
): Promise<ClusterView> => {
  const { nodes } = observer.project;
  const [known, addresses] = await Promise.all([
    askNodes(observer),
    Promise.all(nodes.map((node) => findNode(observer.project, node))),
  ]);
  const views = await Promise.all(
    nodes.map((node, index) =>
      observeNode(
        node,
        known.nodes.find(({ name }) => name === node.name),
        addresses[index],
        observer,
      ),
    ),
  );
  return { nodes: views, api: known.failure };
};

export const allReady = ({ nodes }: ClusterView): boolean =>
  nodes.every(({ ready }) => ready);
