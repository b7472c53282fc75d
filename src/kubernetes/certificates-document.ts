// What kubeadm makes a control plane's certificates by, on a node that has joined and so has no document of the cluster.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { hostAndPort } from "./addresses.ts";
import {
  asYaml,
  certSans,
  criSocket,
  KUBEADM_API,
  localApiEndpoint,
} from "./kubeadm-documents.ts";

/** For `kubeadm init phase certs`; the names and addresses in it are those of all control planes. */
export const certificatesDocument = (
  project: ResolvedProject,
  node: ResolvedNode,
): string => {
  const { cluster } = project;
  const { host, port } = cluster.endpoint;
  return asYaml([
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      nodeRegistration: {
        name: node.name,
        criSocket: criSocket(cluster.runtime),
      },
      localAPIEndpoint: localApiEndpoint(project, node),
    },
    {
      apiVersion: KUBEADM_API,
      kind: "ClusterConfiguration",
      // The node writes the installed one.
      kubernetesVersion: `v${cluster.kubernetes.patch}`,
      controlPlaneEndpoint: hostAndPort(host, port),
      networking: {
        serviceSubnet: cluster.serviceSubnet,
        dnsDomain: cluster.dnsDomain,
      },
      apiServer: { certSANs: certSans(project) },
      encryptionAlgorithm: "ECDSA-P256",
    },
  ]);
};
