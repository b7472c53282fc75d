// A cluster whose mirrors are all one server on this computer, and what is asked of them.
import type {
  Supplies,
  SuppliesRequest,
} from "../../src/supplies/gather-supplies.ts";
import { type Lock, mergeLock } from "../../src/supplies/lock.ts";
import type { Cni, ResolvedProject } from "../../src/inventory/resolved.ts";
import { startServer } from "../base/http-server.ts";
import { sampleProject } from "../seed/sample-project.ts";
import {
  ADDON,
  CALICO,
  CHART,
  DRIVER,
  FLANNEL,
  pinsWith,
} from "./manifests.ts";

type Wishes = {
  readonly cni?: Cni;
  readonly podSubnet?: string;
  readonly addons?: readonly string[];
};

/** A project whose mirrors are all at one address. */
const mirroredProject = (
  address: string,
  { cni = "flannel", podSubnet = "10.7.0.0/16", addons = [] }: Wishes = {},
): ResolvedProject => {
  const mirror = address.replace(/\/$/, "");
  return {
    ...sampleProject,
    cluster: {
      ...sampleProject.cluster,
      podSubnet,
      cni,
      addons,
      mirrors: {
        ...sampleProject.cluster.mirrors,
        kubernetesPackages: mirror,
        manifests: mirror,
      },
    },
  };
};

export const requestFor = (
  address: string,
  wishes: Wishes = {},
  more: Partial<SuppliesRequest> = {},
): SuppliesRequest => ({
  project: mirroredProject(address, wishes),
  nodes: sampleProject.nodes,
  fileAddons: [],
  packages: `${address}deb/`,
  pins: pinsWith(),
  lock: undefined,
  lockFile: "some/cluster.lock.json",
  whenMissing: "refuse",
  now: new Date("2026-11-20T00:00:00Z"),
  ...more,
});

/** A mirror of everything. */
export const serveAll = async () => {
  const server = await startServer();
  for (const [path, text] of [
    ["flannel/v1/kube-flannel.yml", FLANNEL],
    ["calico/v2/calico.yaml", CALICO],
    ["cilium-3.0.0.tgz", CHART],
    ["metrics/components.yaml", ADDON],
    ["csi-driver-nfs/v4/csi-nfs-driverinfo.yaml", DRIVER],
  ] as const) {
    server.files.set(path, Buffer.from(text));
  }
  return server;
};

/** The lockfile after a build that got these. */
export const lockOf = (locked: Supplies["locked"]): Lock =>
  mergeLock(
    undefined,
    {
      ...locked,
      kubernetes: sampleProject.cluster.kubernetes,
      bases: [],
    },
    new Set(),
  );
