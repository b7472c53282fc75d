// Files of a node whose card carries a bundle: which one, and the scripts that use it.
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { Library } from "./library/library.ts";
import { shellAssignments } from "./shell-assignments.ts";
import type { SuppliedFile } from "./supplied-files.ts";

/** The bundle that every card of a cluster carries. */
export type SuppliedBundle = {
  /** SHA-256 of its index, as hexadecimal digits: which bundle it is, and what the node compares it with. */
  readonly index: string;
};

const SCRIPTS = "usr/local/lib/pi-image";
const PHASE = "phases/45-images";

/**
 * Which bundle it is stands beside node.env, since another one may come to a running node. Who is only beside the cluster has packages
 * from the bundle, and no container runtime.
 */
export const bundleFiles = (
  project: ResolvedProject,
  runsPods: boolean,
  files: Library["files"],
  { index }: SuppliedBundle,
): readonly SuppliedFile[] => {
  const script = (
    name: string,
    mode: SuppliedFile["mode"],
  ): readonly SuppliedFile[] => [
    {
      path: `/${SCRIPTS}/${name}`,
      mode,
      text: files.get(`${SCRIPTS}/${name}`) ?? "",
    },
  ];
  const { kubernetesImages } = project.cluster.mirrors;
  return [
    {
      path: "/etc/pi-image/bundle.env",
      mode: "0644",
      text: shellAssignments({
        PI_IMAGE_BUNDLE: index,
        ...(kubernetesImages === undefined
          ? {}
          : { PI_IMAGE_KUBERNETES_IMAGES: kubernetesImages }),
      }),
    },
    ...script("bundle.sh", "0644"),
    ...(runsPods ? script(PHASE, "0755") : []),
  ];
};
