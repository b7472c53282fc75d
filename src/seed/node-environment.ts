// /etc/pi-image/node.env: what the node's own scripts know about their node, as shell assignments.
import { bootWish, oldestBootLoader } from "../inventory/boards/boot-loader.ts";
import {
  CNI_CONTAINERS,
  type ResolvedNode,
  type ResolvedProject,
} from "../inventory/resolved.ts";
import { wantedPackages } from "../inventory/node-packages.ts";
import { STORAGE_FACTS } from "../inventory/boards/storage.ts";
import { uplinkDevice } from "../inventory/uplink-device.ts";
import {
  apiServerPort,
  controlPlanes,
  familiesOf,
  knownAddress,
  kubernetesAddresses,
} from "../kubernetes/addresses.ts";
import { wayToJoin } from "../kubernetes/kubeadm-documents.ts";
import { readCertificate } from "../kubernetes/certificate.ts";
import {
  type ClusterSecrets,
  credentialsOf,
} from "../kubernetes/secrets/cluster-secrets.ts";
import {
  endpointNode,
  kubeadmAction,
  kubernetesPackages,
} from "./node-facts.ts";
import { shellAssignments } from "./shell-assignments.ts";

/** The end of the join identity as RFC 3339; undefined where the card carries none. */
const joinEnds = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): string | undefined => {
  const identity = credentialsOf(secrets, node.name)?.joinIdentity;
  return identity === undefined || wayToJoin(project, node) !== "certificate"
    ? undefined
    : readCertificate(identity.certificate)
        .validTo.toISOString()
        .replace(".000Z", "Z");
};

/** `NAME=ADDRESS`, or `NAME=` where only the network knows the address, of the control planes beside this node. */
const otherControlPlanes = (
  project: ResolvedProject,
  node: ResolvedNode,
): string =>
  controlPlanes(project)
    .filter(({ name }) => name !== node.name)
    .map((other) => `${other.name}=${knownAddress(other) ?? ""}`)
    .join(" ");

const yesNo = (value: boolean): string => (value ? "yes" : "no");

const boardVariables = (
  node: ResolvedNode,
): Readonly<Record<string, string | undefined>> => ({
  PI_IMAGE_BOARD: node.board,
  PI_IMAGE_MAC: node.mac,
  PI_IMAGE_DISK: STORAGE_FACTS[node.storage].disk,
  PI_IMAGE_DATA_MOUNT: node.dataMount,
  PI_IMAGE_KEEP_CARD: yesNo(node.keepCard),
  PI_IMAGE_EEPROM: node.eeprom,
  PI_IMAGE_PCIE_PROBE: yesNo(bootWish(node)?.probe ?? false),
  PI_IMAGE_BOOT_LOADER: oldestBootLoader(node)?.toFixed(0),
});

/** The file's text; the scripts in cloud-init/files/usr/local/lib/pi-image/ source it. */
export const nodeEnvironment = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
  buildTime: Date,
  ranOn?: string,
  restores?: string,
): string => {
  const { cluster } = project;
  const { endpoint, kubernetes } = cluster;
  const others = otherControlPlanes(project, node);
  const families = familiesOf(project).join(" ");
  return shellAssignments({
    PI_IMAGE_NODE: node.name,
    PI_IMAGE_ROLE: node.role,
    PI_IMAGE_CLUSTER: cluster.name,
    PI_IMAGE_BUILD_TIME: String(Math.floor(buildTime.getTime() / 1000)),
    PI_IMAGE_UPLINK: uplinkDevice(node),
    PI_IMAGE_ADDRESS: kubernetesAddresses(project, node).join(",") || undefined,
    // Without it the scripts take IPv4 alone.
    ...(families === "4" ? {} : { PI_IMAGE_FAMILIES: families }),
    PI_IMAGE_KUBEADM: kubeadmAction(project, node),
    PI_IMAGE_KUBERNETES_MINOR: kubernetes.minor,
    PI_IMAGE_KUBERNETES_PATCH: kubernetes.patch,
    PI_IMAGE_KUBERNETES_PACKAGES: kubernetesPackages(project),
    PI_IMAGE_KUBERNETES_KEY: cluster.mirrors.kubernetesKey,
    PI_IMAGE_ENDPOINT_HOST: endpoint.host,
    PI_IMAGE_ENDPOINT_PORT: String(endpoint.port),
    PI_IMAGE_ENDPOINT_ADDRESS: endpoint.address,
    PI_IMAGE_ENDPOINT_NODE: endpointNode(project)?.name,
    PI_IMAGE_ENDPOINT_VIRTUAL: yesNo(endpoint.virtual),
    PI_IMAGE_API_PORT: String(apiServerPort(project)),
    PI_IMAGE_CONTROL_PLANES: others,
    // A lone control plane that is lost leaves nobody to join.
    PI_IMAGE_SEEN: others === "" ? undefined : ranOn,
    // The snapshot's own digest; only on a card that begins with one.
    ...(restores === undefined ? {} : { PI_IMAGE_RESTORE: restores }),
    PI_IMAGE_RUNTIME: cluster.runtime,
    PI_IMAGE_CNI_CONTAINER: CNI_CONTAINERS[cluster.cni],
    PI_IMAGE_POD_SUBNET: cluster.podSubnet,
    PI_IMAGE_SERVICE_SUBNET: cluster.serviceSubnet,
    ...(node.exports === undefined
      ? {}
      : { PI_IMAGE_EXPORT: node.exports.path }),
    ...(wantedPackages(node).length === 0
      ? {}
      : { PI_IMAGE_PACKAGES: wantedPackages(node).join(" ") }),
    ...(cluster.offline ? { PI_IMAGE_OFFLINE: "1" } : {}),
    PI_IMAGE_JOIN_BY: wayToJoin(project, node),
    PI_IMAGE_JOIN_ENDS: joinEnds(project, node, secrets),
    ...boardVariables(node),
  });
};
