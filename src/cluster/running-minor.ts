// Which minor of Kubernetes a cluster runs, as its control planes tell.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { controlPlanes } from "../kubernetes/addresses.ts";
import type { ClusterView } from "./observe.ts";

/**
 * The oldest of the control planes' kubelets: no API server is older than its kubelet.
 * https://kubernetes.io/releases/version-skew-policy/#kubelet
 *
 * @returns such as "1.36"; undefined while a control plane does not tell
 */
export const runningMinor = (
  { nodes }: Pick<ClusterView, "nodes">,
  project: ResolvedProject,
): string | undefined => {
  const minors = controlPlanes(project).map(({ name }) => {
    const version = nodes.find((node) => node.name === name)?.version ?? "";
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
    return minor === undefined ? undefined : { major, minor: Number(minor) };
  });
  const known = minors.filter((version) => version !== undefined);
  const [oldest] = known.toSorted((a, b) => a.minor - b.minor);
  return oldest === undefined || known.length < minors.length
    ? undefined
    : `${oldest.major}.${oldest.minor}`;
};
