// Who tells the time in a cluster without the internet.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import {
  controlPlanes,
  knownAddresses,
  mdnsName,
} from "../kubernetes/addresses.ts";
import type { Library } from "./library/library.ts";
import type { SuppliedFile } from "./supplied-files.ts";

/**
 * One clock for all, so that no two follow each other: the gateway's, which is on before what is behind it, or that of the first control
 * plane, without which there is nothing to join.
 */
const timeKeeper = (project: ResolvedProject): ResolvedNode | undefined =>
  project.cluster.offline
    ? (project.nodes.find(({ serves }) => serves !== undefined) ??
      controlPlanes(project)[0])
    : undefined;

/** Where this node reaches another one: by its addresses, or by the names under which it may be found. */
const placesOf = (
  keeper: ResolvedNode,
  node: ResolvedNode,
): readonly string[] => {
  const inside = keeper.serves?.address.split("/")[0];
  const places =
    inside !== undefined && node.reserved !== undefined
      ? [inside]
      : knownAddresses(keeper);
  return places.length > 0 ? places : [mdnsName(keeper.name), keeper.name];
};

/** Those of the inventory, then the cluster's own. */
export const timeServers = (
  project: ResolvedProject,
  node: ResolvedNode,
): readonly string[] => {
  const keeper = timeKeeper(project);
  return [
    ...node.host.ntp,
    ...(keeper === undefined || keeper.name === node.name
      ? []
      : placesOf(keeper, node)),
  ];
};

const UNIT = "etc/systemd/system/pi-image-time.service";
const SERVER = "usr/local/lib/pi-image/time-server";

/** What the node has whose clock is the cluster's. */
export const clockFiles = (
  project: ResolvedProject,
  node: ResolvedNode,
  files: Library["files"],
): readonly SuppliedFile[] =>
  timeKeeper(project)?.name === node.name
    ? [
        { path: `/${UNIT}`, mode: "0644", text: files.get(UNIT) ?? "" },
        { path: `/${SERVER}`, mode: "0755", text: files.get(SERVER) ?? "" },
      ]
    : [];
