// What a node's seed needs to know of the node's place in its cluster.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { staticAddresses } from "../kubernetes/addresses.ts";
import { isFirstControlPlane } from "../kubernetes/kubeadm-documents.ts";

/** How the node gets into the cluster; `beside` for one that never joins it. */
export type KubeadmAction =
  "init" | "join-control-plane" | "join-worker" | "beside";

export const kubeadmAction = (
  project: ResolvedProject,
  node: ResolvedNode,
): KubeadmAction => {
  switch (node.role) {
    case "worker":
      return "join-worker";
    case "gateway":
    case "storage":
      return node.joins ? "join-worker" : "beside";
    case "control-plane":
      return isFirstControlPlane(project, node) ? "init" : "join-control-plane";
  }
};

/** The node that the endpoint's name or address belongs to; undefined where neither says so. */
export const endpointNode = ({
  cluster: { endpoint },
  nodes,
}: ResolvedProject): ResolvedNode | undefined =>
  endpoint.virtual
    ? undefined
    : (nodes.find(({ name }) => name === endpoint.host) ??
      nodes.find(
        (node) =>
          endpoint.address !== undefined &&
          staticAddresses(node).includes(endpoint.address),
      ));

/**
 * The package repository of one Kubernetes minor, with a slash at its end.
 * https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/
 */
export const kubernetesPackages = ({
  cluster,
}: Pick<ResolvedProject, "cluster">): string =>
  `${cluster.mirrors.kubernetesPackages ?? "https://pkgs.k8s.io"}/core:/stable:/v${cluster.kubernetes.minor}/deb/`;
