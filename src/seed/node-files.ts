// The files that a seed has besides the fragments' because only some nodes have them.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { kubeVipManifest } from "../kubernetes/kube-vip.ts";
import { accessPointName } from "./network/access-point.ts";
import { bundleFiles, type SuppliedBundle } from "./bundle-files.ts";
import { enterpriseFiles } from "./network/enterprise.ts";
import { hostFiles } from "./host-files.ts";
import type { Library } from "./library/library.ts";
import { kubeadmAction } from "./node-facts.ts";
import { registryMirrorFiles } from "./registry-mirrors.ts";
import type { SuppliedFile } from "./supplied-files.ts";

/** Where the `cni` phase finds what it applies, in the order of the names. */
const MANIFESTS = "/var/lib/pi-image/manifests";
/** Where the `kubeadm` phase finds the static pod that holds the endpoint's virtual address. */
const KUBE_VIP = "/var/lib/pi-image/seed/kube-vip.yaml";
const KUBERNETES_KEY = "/etc/apt/keyrings/kubernetes.asc";

export type SuppliedManifest = { readonly name: string; readonly text: string };

/** What comes from outside of the inventory and its folder. */
export type SeedSupplies = {
  /** The ASCII-armoured key of the Kubernetes packages; without it the node fetches it and checks its fingerprint. */
  readonly kubernetesKey?: string | undefined;
  /** What the first control plane applies, in the order of the names. */
  readonly manifests: readonly SuppliedManifest[];
  /** Undefined where cards carry none. */
  readonly bundle?: SuppliedBundle | undefined;
};

type NodeOfProject = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  readonly library: Library;
};

export const filesForNode = (
  { project, node, library }: NodeOfProject,
  { kubernetesKey, manifests, bundle }: SeedSupplies,
): readonly SuppliedFile[] => {
  const action = kubeadmAction(project, node);
  const first = action === "init";
  const kubeVip = kubeVipManifest(
    project,
    node,
    first ? "super-admin.conf" : "admin.conf",
  );
  return [
    ...hostFiles(project, node, library.files),
    ...enterpriseFiles(node, accessPointName),
    ...optional(KUBERNETES_KEY, "0644", kubernetesKey),
    ...optional(KUBE_VIP, "0600", kubeVip),
    ...(bundle === undefined
      ? []
      : bundleFiles(project, action !== "beside", library.files, bundle)),
    ...(project.cluster.offline ? [] : registryMirrorFiles(project.cluster)),
    // Only for root, because a user's own manifest may hold a Secret.
    ...(first ? manifests : []).map(({ name, text }): SuppliedFile => ({
      path: `${MANIFESTS}/${name}`,
      mode: "0600",
      text,
    })),
  ];
};

const optional = (
  path: string,
  mode: SuppliedFile["mode"],
  text: string | undefined,
): SuppliedFile[] => (text === undefined ? [] : [{ path, mode, text }]);
