// Cilium's manifest for one cluster, rendered from its chart by helm on this computer.
import type { Family } from "../inventory/rules/ip.ts";
import { familiesOf } from "../kubernetes/addresses.ts";
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
  "hubble.enabled=false",
  "operator.replicas=1",
] as const;

/**
 * The families of the pods. Between nodes, packets travel by the cluster's main family.
 * https://docs.cilium.io/en/stable/network/concepts/routing/#encapsulation
 */
const familyValues = (families: readonly Family[]): readonly string[] => [
  ...families
    .toSorted((a, b) => a - b)
    .map((family) => `k8s.requireIPv${family}PodCIDR=true`),
  ...(families.includes(6) ? ["ipv6.enabled=true"] : []),
  ...(families.includes(4) ? [] : ["ipv4.enabled=false"]),
  ...(families[0] === 6 ? ["underlayProtocol=ipv6"] : []),
];

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
  project: ResolvedProject,
  signal: AbortSignal,
): Promise<string> => {
  const { cluster } = project;
  const families = familiesOf(project);
  const { stdout } = await runTool(
    "helm",
    [
      "template",
      "cilium",
      chart,
      "--namespace=kube-system",
      `--kube-version=v${cluster.kubernetes.patch}`,
      ...[...VALUES, ...familyValues(families)].map(
        (value) => `--set=${value}`,
      ),
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
        if (
          families.includes(6) &&
          object.getIn(["data", "enable-ipv6"]) !== "true"
        ) {
          throw new PlaceMissing("enable-ipv6 in its configuration");
        }
        if (
          families[0] === 6 &&
          object.getIn(["data", "underlay-protocol"]) !== "ipv6"
        ) {
          throw new PlaceMissing("underlay-protocol in its configuration");
        }
      },
    },
  ]);
};
