// Writes the kubeadm configuration of a node: init on the first control plane, join everywhere else.
import { dump } from "js-yaml";
import type {
  ResolvedNode,
  ResolvedProject,
  Runtime,
} from "../inventory/resolved.ts";
import {
  DEFAULT_NODE_PREFIX,
  nodePrefix,
} from "../inventory/rules/pod-ranges.ts";
import { cidrsOf } from "../inventory/written-addresses.ts";
import {
  apiServerPort,
  apiForward,
  controlPlanes,
  familiesOf,
  hostAndPort,
  knownAddresses,
  kubernetesAddresses,
  mdnsName,
  staticAddresses,
} from "./addresses.ts";
import { apiServerFlags } from "./api-server.ts";
import { publicKeyHash } from "./certificate.ts";
import type { ClusterSecrets } from "./secrets/cluster-secrets.ts";
import { hardeningOf } from "./hardening.ts";

/**
 * Where the card has its join identity, as a kubeconfig. kubeadm leaves the file there, so the node deletes it after the
 * join.
 */
export const JOIN_KUBECONFIG = "/etc/pi-image/join.conf";

type Document = Readonly<Record<string, unknown>>;

/** https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ */
export const KUBEADM_API = "kubeadm.k8s.io/v1beta4";

/**
 * kubeadm's defaults (4 min for the kubelet and the components, 1 min for a call, 5 min for discovery) are for servers: a Pi
 * pulls the images to an SD card first. A worker may also wait in discovery while the control plane installs its packages.
 */
const TIMEOUTS = {
  controlPlaneComponentHealthCheck: "15m0s",
  kubeletHealthCheck: "15m0s",
  kubernetesAPICall: "5m0s",
  etcdAPICall: "5m0s",
  tlsBootstrap: "15m0s",
  discovery: "20m0s",
} as const;

/**
 * https://github.com/containerd/containerd/blob/main/docs/getting-started.md
 * https://github.com/cri-o/cri-o/blob/main/docs/crio.conf.5.md (crio.api, listen)
 */
export const criSocket = (runtime: Runtime): string => {
  switch (runtime) {
    case "containerd":
    case "containerd-docker":
      return "unix:///run/containerd/containerd.sock";
    case "cri-o":
      return "unix:///var/run/crio/crio.sock";
  }
};

/** Extra arguments of the kubelet; it registers the labels when it first meets the API server. */
const kubeletArguments = (
  project: ResolvedProject,
  node: ResolvedNode,
): Document => {
  const addresses = kubernetesAddresses(project, node);
  const labels = Object.entries(node.host.labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted();
  const all = [
    // With two networks, the kubelet would take the address of the one with the default route. With DHCP only the node
    // itself knows its address.
    ...(addresses.length === 0
      ? []
      : [{ name: "node-ip", value: addresses.join(",") }]),
    ...(labels.length === 0
      ? []
      : [{ name: "node-labels", value: labels.join(",") }]),
  ];
  return all.length === 0 ? {} : { kubeletExtraArgs: all };
};

/** Where this is empty kubeadm decides: it taints control planes, and nothing else. */
const registeredTaints = (
  node: ResolvedNode,
  onlyControlPlanes: boolean,
): Document => {
  const { taints } = node.host;
  if (taints !== undefined) {
    return {
      taints: taints.map(({ key, value, effect }) => ({
        key,
        ...(value === "" ? {} : { value }),
        effect,
      })),
    };
  }
  // kubeadm taints control planes unless told otherwise, so without a worker nothing could run.
  return node.role === "control-plane" && onlyControlPlanes
    ? { taints: [] }
    : {};
};

const nodeRegistration = (
  project: ResolvedProject,
  node: ResolvedNode,
): Document => {
  const { cluster, nodes } = project;
  const onlyControlPlanes = nodes.every(
    ({ role, joins }) => role === "control-plane" || !joins,
  );
  return {
    name: node.name,
    criSocket: criSocket(cluster.runtime),
    ...registeredTaints(node, onlyControlPlanes),
    ...kubeletArguments(project, node),
  };
};

export const localApiEndpoint = (
  project: ResolvedProject,
  node: ResolvedNode,
): Document => {
  const [address] = kubernetesAddresses(project, node);
  return {
    ...(address === undefined ? {} : { advertiseAddress: address }),
    bindPort: apiServerPort(project),
  };
};

/** All names are valid for every API server, because further control planes read this list from the running cluster. */
export const certSans = (project: ResolvedProject): readonly string[] => {
  const { host, address } = project.cluster.endpoint;
  const names = controlPlanes(project).flatMap((node) => [
    node.name,
    mdnsName(node.name),
    ...knownAddresses(node),
  ]);
  const gateway = apiForward(project)?.gateway;
  const outside =
    gateway === undefined
      ? []
      : [gateway.name, mdnsName(gateway.name), ...staticAddresses(gateway)];
  // The loopback addresses let kubectl connect through an SSH tunnel.
  const loopback = familiesOf(project).includes(6)
    ? ["127.0.0.1", "::1"]
    : ["127.0.0.1"];
  const all = [host, address, ...names, ...outside, ...loopback];
  return [...new Set(all.filter((name) => name !== undefined))];
};

/**
 * Cards with certificates need no token, but kubeadm only creates the nodes' access rules in the phase that creates a token.
 * The token is therefore useless: it lives for one second, in a group without rights. (With an empty list, kubeadm makes a
 * token of 24 hours with which any node can join.)
 */
const bootstrapToken = (
  { cluster }: ResolvedProject,
  secrets: ClusterSecrets,
): Document => {
  switch (cluster.join.by) {
    case "certificate":
      return { ttl: "1s", groups: ["system:bootstrappers:pi-image:none"] };
    case "token":
      return {
        token: secrets.bootstrapToken.reveal(),
        ttl: `${cluster.join.tokenHours}h0m0s`,
        usages: ["signing", "authentication"],
        groups: ["system:bootstrappers:kubeadm:default-node-token"],
      };
  }
};

/**
 * A mirror has the same paths as registry.k8s.io, where CoreDNS is one folder deeper; kubeadm allows for that only with the
 * original registry.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/cmd/kubeadm/app/images/images.go (GetDNSImage)
 */
const imageRepositories = (mirror: string | undefined): Document =>
  mirror === undefined
    ? {}
    : {
        imageRepository: mirror,
        dns: { imageRepository: `${mirror}/coredns` },
      };

/** The same as kubeadm's own defaults, but written down so that a change of those changes no cluster. */
const KUBELET_CLOSED = {
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
  },
  authorization: { mode: "Webhook" },
  readOnlyPort: 0,
} as const;

/**
 * An SD card answers a write late, now and then by seconds. With etcd's 100 and 1000 ms a leader that waits for its card is
 * voted out, and the next one waits for its card as well. The election takes ten times the heartbeat, as etcd advises. Members
 * must agree on both: kubeadm keeps them in the cluster, and those that join later take them from there.
 * https://etcd.io/docs/v3.6/tuning/#time-parameters, https://github.com/raspbernetes/docs/issues/22
 */
const ETCD_PATIENCE = [
  { name: "heartbeat-interval", value: "500" },
  { name: "election-timeout", value: "5000" },
];

/**
 * The kubelet removes images that nobody uses from 85 % on, and evicts pods from the same 85 % on (imagefs.available<15%), so
 * that on a small card pods go first. From 75 % on to 65 %, images go first.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-lifecycle
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds
 */
const IMAGES_GO_FIRST = {
  imageGCHighThresholdPercent: 75,
  imageGCLowThresholdPercent: 65,
} as const;

/** A part of the pods' range for each node that is not the controller manager's own default. */
const controllerManager = ({ cluster }: ResolvedProject): Document => {
  const ranges = cidrsOf(cluster.podSubnet).filter(
    (range) => nodePrefix(range) !== DEFAULT_NODE_PREFIX[range.family],
  );
  return ranges.length === 0
    ? {}
    : {
        controllerManager: {
          extraArgs: ranges.map((range) => ({
            name: `node-cidr-mask-size-ipv${range.family}`,
            value: String(nodePrefix(range)),
          })),
        },
      };
};

const initDocuments = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): readonly Document[] => {
  const { cluster } = project;
  const { endpoint, mirrors } = cluster;
  return [
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      bootstrapTokens: [bootstrapToken(project, secrets)],
      nodeRegistration: nodeRegistration(project, node),
      localAPIEndpoint: localApiEndpoint(project, node),
      timeouts: TIMEOUTS,
    },
    {
      apiVersion: KUBEADM_API,
      kind: "ClusterConfiguration",
      clusterName: cluster.name,
      // Without a version, kubeadm would ask the internet for the newest one.
      kubernetesVersion: `v${cluster.kubernetes.patch}`,
      controlPlaneEndpoint: hostAndPort(endpoint.host, endpoint.port),
      networking: {
        podSubnet: cluster.podSubnet,
        serviceSubnet: cluster.serviceSubnet,
        dnsDomain: cluster.dnsDomain,
      },
      apiServer: {
        certSANs: certSans(project),
        ...apiServerFlags(project, secrets),
      },
      ...controllerManager(project),
      etcd: { local: { extraArgs: ETCD_PATIENCE } },
      // The same as for the authorities. With kubeadm's default, RSA, each handshake costs many times as much CPU time.
      encryptionAlgorithm: "ECDSA-P256",
      ...imageRepositories(mirrors.kubernetesImages),
    },
    {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      cgroupDriver: "systemd",
      ...KUBELET_CLOSED,
      ...IMAGES_GO_FIRST,
      // Certificates of the cluster's authority in place of such that each kubelet signs for itself: metrics-server and others can
      // prove whom they ask. Control planes approve them (cloud-init/files/usr/local/lib/pi-image/approve-serving).
      serverTLSBootstrap: true,
      ...(hardeningOf(project, secrets).seccompDefault
        ? { seccompDefault: true }
        : {}),
      ...cluster.upstream.kubelet,
      // No resolvConf: this document becomes the whole cluster's, and the file is another one on each system. The node adds
      // it as a flag (cloud-init/files/usr/local/lib/pi-image/resolver.sh).
    },
    {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      // The mode with which Flannel, Calico and Cilium all work, whatever kube-proxy's default becomes.
      mode: "iptables",
    },
  ];
};

/**
 * A control plane's card holds the authorities, and may replace a dead card long after a token has ended: it always joins by
 * its own certificate.
 */
const joinsBy = (
  { cluster }: ResolvedProject,
  node: ResolvedNode,
): ResolvedProject["cluster"]["join"]["by"] =>
  node.role === "control-plane" ? "certificate" : cluster.join.by;

const discovery = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): Document => {
  const { cluster } = project;
  switch (joinsBy(project, node)) {
    case "certificate":
      return { file: { kubeConfigPath: JOIN_KUBECONFIG } };
    case "token":
      return {
        bootstrapToken: {
          token: secrets.bootstrapToken.reveal(),
          apiServerEndpoint: hostAndPort(
            cluster.endpoint.host,
            cluster.endpoint.port,
          ),
          caCertHashes: [`sha256:${publicKeyHash(secrets.ca.certificate)}`],
        },
      };
  }
};

const joinDocument = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): Document => ({
  apiVersion: KUBEADM_API,
  kind: "JoinConfiguration",
  discovery: discovery(project, node, secrets),
  nodeRegistration: nodeRegistration(project, node),
  ...(node.role === "control-plane"
    ? { controlPlane: { localAPIEndpoint: localApiEndpoint(project, node) } }
    : {}),
  timeouts: TIMEOUTS,
});

/** Whether this node may run `kubeadm init`; all others only run `kubeadm join`. */
export const isFirstControlPlane = (
  project: ResolvedProject,
  node: ResolvedNode,
): boolean => controlPlanes(project)[0]?.name === node.name;

/**
 * How the node's card may join the cluster; undefined where it never does. The first of several control planes may, when its
 * card is replaced while the others run.
 */
export const wayToJoin = (
  project: ResolvedProject,
  node: ResolvedNode,
): ResolvedProject["cluster"]["join"]["by"] | undefined =>
  node.joins &&
  (controlPlanes(project).length > 1 || !isFirstControlPlane(project, node))
    ? joinsBy(project, node)
    : undefined;

export const asYaml = (documents: readonly Document[]): string =>
  documents.map((document) => dump(document, { lineWidth: -1 })).join("---\n");

/**
 * The node's kubeadm configuration, as YAML for /etc/pi-image/kubeadm.yaml. With `join: token` a worker's holds the token.
 *
 * On a node with DHCP neither `advertiseAddress` nor `node-ip` is set.
 */
export const kubeadmDocument = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): string =>
  isFirstControlPlane(project, node)
    ? asYaml(initDocuments(project, node, secrets))
    : kubeadmJoinDocument(project, node, secrets);

/** The same for a node that joins, as YAML for /etc/pi-image/kubeadm-join.yaml of the first of several control planes. */
export const kubeadmJoinDocument = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): string => asYaml([joinDocument(project, node, secrets)]);
