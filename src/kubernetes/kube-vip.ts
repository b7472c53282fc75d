// Writes the static pod that lets the control planes share a virtual address.
import { uplinkDevice } from "../inventory/uplink-device.ts";
import { dump } from "js-yaml";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { apiServerPort } from "./addresses.ts";

/**
 * The digest is that of the list of platforms, so that each node still gets its own. Two clusters of people who do not know
 * each other run this version by this digest, one of them on arm64; docs/decisions.md. `npm run renew` brings newer ones.
 */
export const KUBE_VIP_IMAGE =
  "ghcr.io/kube-vip/kube-vip:v1.2.4@sha256:dde4c0669d9058c74c69c0bc2f0122e26900e1e4b913c03577cb6e4e28083079";

/** The name of the mounted file inside the pod, whichever file it is on the node. */
const KUBECONFIG_IN_POD = "/etc/kubernetes/admin.conf";

/**
 * Environment that makes kube-vip hold the control planes' address in ARP mode.
 * https://kube-vip.io/docs/installation/flags/#environment-variables
 */
const environment = (
  address: string,
  port: number,
  uplink: string,
): readonly (readonly [name: string, value: string])[] => [
  ["vip_arp", "true"],
  ["vip_interface", uplink],
  ["address", address],
  ["port", String(port)],
  ["vip_subnet", address.includes(":") ? "128" : "32"],
  ["cp_enable", "true"],
  ["cp_namespace", "kube-system"],
  ["vip_leaderelection", "true"],
  ["vip_leasename", "plndr-cp-lock"],
  // Longer than the 5, 3 and 1 seconds of kube-vip's example, with which the lease is lost whenever etcd waits for an SD
  // card.
  ["vip_leaseduration", "15"],
  ["vip_renewdeadline", "10"],
  ["vip_retryperiod", "2"],
  // The pod is in the host's network, so this keeps its metrics on the node instead of offering them to the whole LAN.
  ["prometheus_server", "127.0.0.1:2112"],
];

/**
 * The pod manifest for /etc/kubernetes/manifests/kube-vip.yaml, or undefined where the endpoint has no virtual address or
 * the node is a worker.
 *
 * On the first control plane the pod must use super-admin.conf until `kubeadm init` has finished: since Kubernetes 1.29 the
 * group of admin.conf gets its rights only at the end, and init waits for the address that kube-vip provides.
 * https://github.com/kube-vip/kube-vip/issues/684
 *
 * @param kubeconfig file in /etc/kubernetes that the pod uses
 */
export const kubeVipManifest = (
  project: ResolvedProject,
  node: ResolvedNode,
  kubeconfig: "admin.conf" | "super-admin.conf",
): string | undefined => {
  const { virtual, address } = project.cluster.endpoint;
  if (!virtual || address === undefined || node.role !== "control-plane") {
    return undefined;
  }
  const env = environment(
    address,
    apiServerPort(project),
    uplinkDevice(node),
  ).map(([name, value]) => ({ name, value }));
  return dump(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "kube-vip", namespace: "kube-system" },
      spec: {
        containers: [
          {
            name: "kube-vip",
            image: KUBE_VIP_IMAGE,
            imagePullPolicy: "IfNotPresent",
            args: ["manager"],
            env: [
              ...env,
              {
                name: "vip_nodename",
                valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } },
              },
            ],
            securityContext: {
              capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
            },
            volumeMounts: [
              { name: "kubeconfig", mountPath: KUBECONFIG_IN_POD },
            ],
          },
        ],
        // kube-vip talks to `kubernetes`, which must be the API server on the same node and not the address that it is about
        // to take.
        hostAliases: [{ ip: "127.0.0.1", hostnames: ["kubernetes"] }],
        hostNetwork: true,
        volumes: [
          {
            name: "kubeconfig",
            hostPath: {
              path: `/etc/kubernetes/${kubeconfig}`,
              // Without a type, the runtime would make a folder where the file does not exist yet.
              type: "File",
            },
          },
        ],
      },
    },
    { lineWidth: -1 },
  );
};
