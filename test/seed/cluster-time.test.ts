// Who tells the time to whom in a cluster without the internet.
import { describe, expect, it } from "vitest";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { timeServers } from "../../src/seed/cluster-time.ts";
import { hostFiles } from "../../src/seed/host-files.ts";
import {
  controlPlane,
  gatewayProject,
  packageLibrary,
  sampleNode,
  sampleProject,
} from "./sample-project.ts";

const offline = (project: ResolvedProject): ResolvedProject => ({
  ...project,
  cluster: { ...project.cluster, offline: true },
});

const asked = (project: ResolvedProject) =>
  Object.fromEntries(
    project.nodes.map((node) => [node.name, timeServers(project, node)]),
  );

describe("the time of a cluster without the internet", () => {
  it("is the first control plane's", () => {
    expect(asked(offline(sampleProject))).toEqual({
      cplane: [],
      worker1: ["192.168.1.50"],
      worker2: ["192.168.1.50"],
    });
  });

  it("is found by name where the network gives the addresses", () => {
    const project = offline({
      ...sampleProject,
      nodes: [
        { ...controlPlane, network: sampleNode.network },
        { ...sampleNode },
      ],
    });
    expect(asked(project)["worker1"]).toEqual(["cplane.local", "cplane"]);
  });

  it("is the gateway's, at its address of the network behind it", () => {
    const { gate, ...behind } = asked(offline(gatewayProject()));
    expect(gate).toEqual([]);
    expect(new Set(Object.values(behind).map(String))).toEqual(
      new Set(["10.0.0.1"]),
    );
  });

  it("comes from the inventory's own servers first", () => {
    const node = {
      ...sampleNode,
      host: resolveHost({ ntp: ["10.0.0.9"] }, {}),
    };
    expect(timeServers(offline(sampleProject), node)).toEqual([
      "10.0.0.9",
      "192.168.1.50",
    ]);
    expect(timeServers(sampleProject, node)).toEqual(["10.0.0.9"]);
  });

  it("has one server, and nobody asks the distribution's", async () => {
    const { files } = await packageLibrary();
    const project = offline(sampleProject);
    const textsOf = (node: typeof sampleNode) =>
      new Map(
        hostFiles(project, node, files).map(({ path, text }) => [path, text]),
      );
    const server = "/usr/local/lib/pi-image/time-server";
    expect(textsOf(controlPlane).has(server)).toBe(true);
    expect(textsOf(sampleNode).has(server)).toBe(false);
    const settings = "/etc/systemd/timesyncd.conf.d/90-pi-image.conf";
    expect(textsOf(controlPlane).get(settings)).toBe(
      "[Time]\nNTP=\nFallbackNTP=\n",
    );
    expect(hostFiles(sampleProject, sampleNode, files)).toEqual([]);
  });
});
