// Cilium's manifest for one cluster, rendered from its chart by helm on this computer.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { UserError } from "../report/user-error.ts";
import { runTool } from "../system/run/run-tool.ts";
import { editManifest, PlaceMissing } from "./edit-manifest.ts";

const IPAM = "kubernetes";

/**
 * Pod addresses come from the node's own part of the cluster's pod subnet. Hubble is off, because every rendering would make
 * new certificates for it: no two builds would be alike, and the manifest would hold a private key. One operator is enough:
 * a second one could not run before there is a second node.
 * https://docs.cilium.io/en/stable/network/kubernetes/ipam-kubernetes/
 */
const VALUES = [
  `ipam.mode=${IPAM}`,
  "k8s.requireIPv4PodCIDR=true",
  "hubble.enabled=false",
  "operator.replicas=1",
] as const;

const noHelm = (cause: UserError): UserError =>
  new UserError(
    "TOOL_MISSING",
    "helm is not installed, and Cilium comes as a chart that only helm can render",
    {
      state: "nothing was written",
      hint: "install helm (https://helm.sh/docs/intro/install/), or write `cni: flannel` in the inventory",
      cause,
    },
  );

/** `from` is what messages call the chart. Throws TOOL_MISSING, TOOL_FAILED and MANIFEST_WRONG. */
export const renderCilium = async (
  chart: string,
  from: string,
  { cluster }: ResolvedProject,
  signal: AbortSignal,
): Promise<string> => {
  const { stdout } = await runTool(
    "helm",
    [
      "template",
      "cilium",
      chart,
      "--namespace=kube-system",
      `--kube-version=v${cluster.kubernetes.patch}`,
      ...VALUES.map((value) => `--set=${value}`),
    ],
    { signal },
  ).catch((error: unknown) => {
    throw error instanceof UserError && error.code === "TOOL_MISSING"
      ? noHelm(error)
      : error;
  });
  return editManifest(stdout, from, [
    {
      kind: "ConfigMap",
      name: "cilium-config",
      // Changes nothing, but checks that our values took effect: a chart that had renamed them would leave the pod subnet to
      // chance.
      edit: (object) => {
        if (object.getIn(["data", "ipam"]) !== IPAM) {
          throw new PlaceMissing(`ipam: ${IPAM} in its configuration`);
        }
      },
    },
  ]);
};
