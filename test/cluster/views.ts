// Nodes in every state that `watch` can see.
import type { ClusterView, NodeView } from "../../src/cluster/observe.ts";
import { snapshotAge } from "../../src/cluster/snapshots/snapshot-age.ts";

export const view = (name: string, seen: Partial<NodeView>): NodeView => ({
  name,
  role: "worker",
  address: undefined,
  ssh: undefined,
  status: undefined,
  joins: true,
  joined: false,
  ready: false,
  notReadyBecause: undefined,
  version: undefined,
  keptAway: undefined,
  age: undefined,
  snapshot: undefined,
  ...seen,
});

const status = (
  phase: string,
  state: string,
  message: string,
  notes: Readonly<Record<string, string>> = {},
) =>
  ({
    ok: true,
    status: {
      node: "n",
      cluster: "homelab",
      phase,
      state,
      message,
      attempt: 1,
      notes,
    },
  }) as const;

export const everyState: ClusterView = {
  nodes: [
    view("cplane", {
      role: "control-plane",
      address: "192.168.77.50",
      ssh: "open",
      status: status("done", "done", "cplane is a control-plane.", {
        pcie: "PCIe runs at Gen 3 and reads 791 MB/s (417 MB/s at Gen 2).",
      }),
      joined: true,
      ready: true,
      version: "v1.36.2",
      age: 3725,
      snapshot: snapshotAge(
        new Date("2026-11-20T07:00:00Z"),
        new Date("2026-11-20T09:05:00Z"),
      ),
    }),
    view("cplane2", {
      role: "control-plane",
      address: "192.168.77.51",
      ssh: "open",
      status: status("done", "done", "cplane2 is a control-plane."),
      joined: true,
      ready: true,
      version: "v1.36.2",
      keptAway:
        "has no pods for its upgrade; if none is at work, `pi-image upgrade` goes on where it stopped",
      age: 3725,
      snapshot: snapshotAge(
        new Date("2026-11-20T07:00:00Z"),
        new Date("2026-11-23T09:05:00Z"),
      ),
    }),
    view("off", {}),
    view("booting", { address: "192.168.77.53", ssh: "closed" }),
    view("gone", { address: "192.168.77.54", ssh: "silent" }),
    view("locked", {
      address: "192.168.77.55",
      ssh: "open",
      status: { ok: false, because: "SSH accepts none of your keys" },
    }),
    view("packages", {
      address: "192.168.77.56",
      ssh: "open",
      status: status(
        "packages",
        "failed-retrying",
        "The mirror pkgs.k8s.io does not answer.",
      ),
    }),
    view("joined", {
      address: "192.168.77.57",
      ssh: "open",
      status: status("cni", "running", "Waits for the network plug-in."),
      joined: true,
      notReadyBecause: "container runtime network not ready",
      version: "v1.36.2",
      age: 12,
    }),
  ],
  api: {
    kind: "clock",
    message: "the certificate of the API server is not valid now",
  },
};
