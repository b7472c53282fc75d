// The values that fragments can ask for where there is only a role and no node yet.
import { baseSystem } from "../inventory/boards/systems.ts";
import type { ResolvedProject, Role } from "../inventory/resolved.ts";
import type { SuppliedBundle } from "./bundle-files.ts";
import type { Library } from "./library/library.ts";
import { kubernetesPackages } from "./node-facts.ts";
import { clusterValues, fileValues } from "./seed-values.ts";
import { shellAssignments } from "./shell-assignments.ts";
import type { Values } from "./library/substitute.ts";
import type { Value } from "./library/tree.ts";
import { VALUE_NAMES } from "./value-names.ts";

/**
 * /etc/pi-image/node.env of a role image. Without a name, an uplink and a cluster the scripts take the system's own name and
 * the interface of its default route, and `none` makes them stop before kubeadm.
 */
export const roleEnvironment = (
  { cluster }: ResolvedProject,
  role: Role,
  buildTime: Date,
  carries = false,
): string =>
  shellAssignments({
    PI_IMAGE_NODE: undefined,
    PI_IMAGE_ROLE: role,
    PI_IMAGE_CLUSTER: undefined,
    PI_IMAGE_BUILD_TIME: String(Math.floor(buildTime.getTime() / 1000)),
    PI_IMAGE_UPLINK: undefined,
    PI_IMAGE_ADDRESS: undefined,
    PI_IMAGE_KUBEADM: "none",
    PI_IMAGE_KUBERNETES_MINOR: cluster.kubernetes.minor,
    PI_IMAGE_KUBERNETES_PATCH: cluster.kubernetes.patch,
    PI_IMAGE_KUBERNETES_PACKAGES: kubernetesPackages({ cluster }),
    PI_IMAGE_KUBERNETES_KEY: cluster.mirrors.kubernetesKey,
    PI_IMAGE_RUNTIME: cluster.runtime,
    ...(carries && cluster.offline ? { PI_IMAGE_OFFLINE: "1" } : {}),
    PI_IMAGE_JOIN_ENDS: undefined,
    PI_IMAGE_MAC: undefined,
    PI_IMAGE_BOOT_LOADER: undefined,
  });

export type RoleContext = {
  readonly project: ResolvedProject;
  readonly role: Role;
  /** The base as the inventory or --base names it. */
  readonly base: string;
  readonly files: Library["files"];
  readonly buildTime: Date;
  /** What the image carries; without it the machine downloads, even in a cluster that is offline. */
  readonly bundle?: SuppliedBundle | undefined;
};

/** Values that belong to a cluster, a node or a secret are not in the map. */
export const roleValues = ({
  project,
  role,
  base,
  files,
  buildTime,
  bundle,
}: RoleContext): Values => {
  const carries = bundle !== undefined;
  const values = new Map<string, Value>([
    ...Object.entries(clusterValues(project)),
    ...(carries ? [] : [["cluster.internet", "yes"] as const]),
    ["node.role", role],
    ["node.system", baseSystem(base)],
    ["node.env", roleEnvironment(project, role, buildTime, carries)],
    ...fileValues(files),
  ]);
  values.delete("cluster.name");
  return values;
};

/**
 * Whether only a node has this value. A name that does not exist at all is a mistake, and no reason to leave a fragment out.
 */
export const isOfNode = (name: string, values: Values): boolean =>
  !values.has(name) &&
  (Object.hasOwn(VALUE_NAMES, name) || name.startsWith("pki."));
