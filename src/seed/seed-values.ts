// The values that fragments and network documents can ask for as `${name}`.
import { baseSystem, systemFacts } from "../inventory/boards/systems.ts";
import type {
  ResolvedNode,
  ResolvedProject,
  User,
} from "../inventory/resolved.ts";
import { STORAGE_FACTS } from "../inventory/boards/storage.ts";
import { apiServerFiles } from "../kubernetes/api-server.ts";
import { controlPlanePki } from "../kubernetes/pki-files.ts";
import {
  type ClusterSecrets,
  credentialsOf,
} from "../kubernetes/secrets/cluster-secrets.ts";
import {
  kubeadmDocument,
  kubeadmJoinDocument,
  wayToJoin,
} from "../kubernetes/kubeadm-documents.ts";
import { joinKubeconfig } from "../kubernetes/render-kubeconfig.ts";
import { needsDomainScript } from "./network/enterprise.ts";
import { accessPoints, wifiPriorities } from "./network/access-point.ts";
import { dnsmasqConfiguration } from "./network/gateway-dnsmasq.ts";
import { nftablesConfiguration } from "./network/gateway-nftables.ts";
import { nodeEnvironment } from "./node-environment.ts";
import { pauseImage } from "../kubernetes/kubernetes-images.ts";
import { kubeadmAction, kubernetesPackages } from "./node-facts.ts";
import type { Library } from "./library/library.ts";
import type { Values } from "./library/substitute.ts";
import type { Value } from "./library/tree.ts";
import type { ValueName } from "./value-names.ts";
import { knownAddresses, staticAddresses } from "../kubernetes/addresses.ts";

/** The addresses by which one node sees another: a gateway has some on each side, and it knows those that it assigns itself. */
const addressesSeenBy = (
  node: ResolvedNode,
  other: ResolvedNode,
): readonly string[] => {
  if (other.serves !== undefined && node.reserved !== undefined) {
    return other.serves.address.split("/").slice(0, 1);
  }
  return node.serves === undefined
    ? staticAddresses(other)
    : knownAddresses(other);
};

const ownAddresses = (node: ResolvedNode): readonly string[] => {
  const fixed = staticAddresses(node);
  return fixed.length === 0 ? ["127.0.1.1"] : fixed;
};

/**
 * Lines `address name` of the node itself and of every node with a static address. A node with DHCP knows itself as
 * 127.0.1.1, as on Debian. One with a static address must not: its name may be the cluster's endpoint, which has to resolve
 * to the same address everywhere.
 */
const hostLines = ({ nodes }: ResolvedProject, node: ResolvedNode): string =>
  [node, ...nodes.filter(({ name }) => name !== node.name)]
    .flatMap((other) =>
      (other.name === node.name
        ? ownAddresses(node)
        : addressesSeenBy(node, other)
      ).map((address) => `${address} ${other.name}`),
    )
    .join("\n");

type ValueSources = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  readonly secrets: ClusterSecrets;
  readonly files: Library["files"];
  readonly buildTime: Date;
  readonly ranOn?: string | undefined;
  readonly restores?: string | undefined;
};

type Named = Readonly<Partial<Record<ValueName, Value>>>;

/**
 * Values that a node must not have are not in the map: a worker's fragments cannot ask for the authorities' keys, and those
 * of a card that joins by token cannot ask for a join identity.
 */
export const seedValues = (context: ValueSources): Values =>
  new Map<string, Value>([
    ...Object.entries({
      ...clusterValues(context.project),
      ...nodeValues(context),
      ...networkValues(context.node),
      ...gatewayValues(context),
      ...exportValues(context),
      ...kubeadmValues(context),
      ...pkiValues(context),
    }),
    ...fileValues(context.files),
  ]);

export const fileValues = (files: Library["files"]): [string, Value][] =>
  [...files].flatMap(([path, text]): [string, Value][] =>
    text === undefined ? [] : [[`file:${path}`, text]],
  );

export const clusterValues = ({ cluster }: ResolvedProject): Named => {
  const { mirrors } = cluster;
  return {
    "cluster.name": cluster.name,
    "cluster.runtime": cluster.runtime,
    "runtime.service": cluster.runtime === "cri-o" ? "cri-o" : "containerd",
    "cluster.cni": cluster.cni,
    "cluster.podSubnet": cluster.podSubnet,
    "cluster.serviceSubnet": cluster.serviceSubnet,
    "cluster.dnsDomain": cluster.dnsDomain,
    "cluster.internet": cluster.offline ? "no" : "yes",
    "cluster.kubernetes.minor": cluster.kubernetes.minor,
    "cluster.kubernetes.patch": cluster.kubernetes.patch,
    "cluster.kubernetes.packages": kubernetesPackages({ cluster }),
    "cluster.pauseImage": pauseImage(
      cluster.kubernetes.minor,
      mirrors.kubernetesImages,
    ),
    "cluster.archive": mirrors.ubuntu === undefined ? "own" : "mirror",
    ...(mirrors.ubuntu === undefined
      ? {}
      : { "cluster.ubuntuMirror": mirrors.ubuntu }),
  };
};

const nodeValues = ({
  project,
  node,
  secrets,
  buildTime,
  ranOn,
  restores,
}: ValueSources): Named => {
  const hostKey = credentialsOf(secrets, node.name)?.hostKey;
  if (hostKey === undefined) {
    throw new Error(`The cluster secrets have no node ${node.name}.`);
  }
  return {
    "node.name": node.name,
    "node.role": node.role,
    "node.board": node.board,
    "node.system": baseSystem(node.base),
    ...(node.dataMount === undefined
      ? {}
      : { "node.dataMount": node.dataMount }),
    "node.storage": STORAGE_FACTS[node.storage].way,
    "node.pcieGen": String(node.pcieGen),
    "node.watchdog": node.hardware.watchdog ? "on" : "off",
    "node.timezone": node.timezone,
    "node.locale": node.locale,
    "node.users": node.users.map(userValue),
    "node.hosts": hostLines(project, node),
    "node.env": nodeEnvironment(
      project,
      node,
      secrets,
      buildTime,
      ranOn,
      restores,
    ),
    "node.hostKey.public": hostKey.publicKey,
    "node.hostKey.private": hostKey.key.reveal(),
  };
};

/** https://cloudinit.readthedocs.io/en/latest/reference/modules.html#users-and-groups */
const userValue = ({ name, shell, sshKeys, sudo }: User): Value => ({
  name,
  shell,
  lock_passwd: true,
  ssh_authorized_keys: [...sshKeys],
  // useradd makes a group of the user's name and fails where the image has one, such as admin or lxd. Named as here, cloud-init
  // takes the group that is there and makes the one that is not; only groups of the list are made.
  // https://github.com/canonical/cloud-init/blob/25.1/cloudinit/distros/__init__.py (add_user)
  primary_group: name,
  // Members of adm may read the journal.
  groups: sudo ? [name, "adm"] : [name],
  ...(sudo ? { sudo: "ALL=(ALL) NOPASSWD:ALL" } : {}),
});

const networkValues = (node: ResolvedNode): Named => {
  const {
    base,
    network: { addressing, uplink, wifi },
  } = node;
  const { renderer } = systemFacts(base);
  return {
    "network.uplink": uplink,
    ...(addressing.method === "dhcp"
      ? {}
      : {
          "network.address": addressing.addresses[0],
          "network.addresses": [...addressing.addresses],
          ...(addressing.gateways[0] === undefined
            ? {}
            : { "network.gateway": addressing.gateways[0] }),
          "network.routes": addressing.gateways.map((via) => ({
            to: "default",
            via,
          })),
          "network.nameservers": [...addressing.nameservers],
          "network.search": [...addressing.search],
        }),
    // A profile of NetworkManager has its rank in itself.
    "wifi.number":
      (wifi.length > 1 && renderer === "networkd") || needsDomainScript(node)
        ? "several"
        : "one",
    ...(wifi[0] === undefined
      ? {}
      : {
          "wifi.renderer": renderer,
          "wifi.country": wifi[0].country,
          "wifi.accessPoints": accessPoints(node),
          "wifi.priorities": wifiPriorities(wifi),
        }),
  };
};

const exportValues = ({ node: { dataMount, exports } }: ValueSources): Named =>
  exports === undefined || dataMount === undefined
    ? {}
    : {
        "export.clients": exports.clients,
        "export.mount": dataMount,
        "export.path": exports.path,
      };

/** Values of the gateway itself, and its domain for the nodes behind it. */
const gatewayValues = ({ project, node }: ValueSources): Named => {
  const { serves } = node;
  const domain =
    node.reserved === undefined
      ? undefined
      : project.nodes.find((other) => other.serves !== undefined)?.serves
          ?.domain;
  return {
    ...(domain === undefined ? {} : { "gateway.domain": domain }),
    ...(serves === undefined
      ? {}
      : {
          "gateway.address": serves.address,
          "gateway.dnsmasq": dnsmasqConfiguration(project, node, serves),
          "gateway.domain": serves.domain,
          "gateway.interface": serves.interface,
          "gateway.nftables": nftablesConfiguration(node, serves),
        }),
  };
};

const kubeadmValues = ({ project, node, secrets }: ValueSources): Named => {
  const action = kubeadmAction(project, node);
  if (action === "beside") {
    return {};
  }
  const way = wayToJoin(project, node);
  const isFirst = action === "init";
  const isBoth = isFirst && way !== undefined;
  return {
    "kubeadm.action": isBoth
      ? "init-or-join"
      : isFirst
        ? "init"
        : `join-by-${way ?? project.cluster.join.by}`,
    "kubeadm.document": kubeadmDocument(project, node, secrets),
    ...(isBoth
      ? { "kubeadm.joinDocument": kubeadmJoinDocument(project, node, secrets) }
      : {}),
    ...(way === "certificate"
      ? {
          "kubeadm.joinConfig": joinKubeconfig(project, node, secrets).reveal(),
        }
      : {}),
  };
};

/** Only control planes may hold the authorities' keys. */
const pkiValues = ({
  project,
  node,
  secrets,
}: ValueSources): Readonly<Record<string, Value>> =>
  node.role === "control-plane"
    ? Object.fromEntries(
        [...controlPlanePki(secrets), ...apiServerFiles(project, secrets)].map(
          ({ path, content }) => [`pki.${path}`, content.reveal()],
        ),
      )
    : {};
