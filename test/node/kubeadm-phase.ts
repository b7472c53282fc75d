// The kubeadm phase alone, and the clusters in which it has something to do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
  staticNetwork,
} from "../seed/sample-project.ts";
import { calls, type Circumstances } from "./fake-node.ts";
import { layBefore, runToEnd, saidBy } from "./phase.ts";

export const dhcpControlPlane: ResolvedNode = {
  ...controlPlane,
  network: sampleNode.network,
};

/** The control plane's address is not known before it boots. */
export const dhcpProject: ResolvedProject = {
  cluster: {
    ...sampleProject.cluster,
    endpoint: { ...sampleProject.cluster.endpoint, address: undefined },
  },
  nodes: [dhcpControlPlane, sampleNode],
};

export const second: ResolvedNode = {
  ...controlPlane,
  name: "cplane2",
  network: staticNetwork("192.168.1.51/24"),
};

/** Three control planes behind a virtual address. */
export const shared: ResolvedProject = {
  cluster: {
    ...sampleProject.cluster,
    endpoint: {
      host: "api.home",
      port: 6443,
      address: "192.168.1.40",
      virtual: true,
    },
  },
  nodes: [
    controlPlane,
    second,
    { ...second, name: "cplane3", network: staticNetwork("192.168.1.52/24") },
    sampleNode,
  ],
};

const member = (id: number, name: string, address: string): string =>
  `{"ID":"${id}","name":"${name}","peerURLs":["https://${address}:2380"],"clientURLs":["https://${address}:2379"]}`;

export const FIRST = member(1, "cplane", "192.168.1.50");
export const SECOND = member(2, "cplane2", "192.168.1.51");
export const THIRD = member(3, "cplane3", "192.168.1.52");

/** A network in which these control planes run and are these members of etcd. */
export const running = (
  addresses: readonly string[],
  members: readonly string[],
): Readonly<Record<string, string>> => ({
  "api-servers": addresses.join("\n"),
  etcd: addresses.join("\n"),
  members: members.join("\n"),
  begun: " ",
});

export const lay = (is: Partial<Circumstances>): Promise<string> =>
  layBefore(["50-kubeadm"], { ...is, world: { runtime: " ", ...is.world } });

/** Runs the phase alone, to its end. */
export const assemble = async (is: Partial<Circumstances>): Promise<string> => {
  const root = await lay(is);
  await runToEnd(root);
  return root;
};

export const said = (root: string) => saidBy("kubeadm", root);

/** The verbs of kubeadm's calls but for `version`. */
export const verbs = (root: string): readonly string[] =>
  calls(root, "kubeadm")
    .map((call) => call.replace("kubeadm ", "").replace(/ --.*/, ""))
    .filter((verb) => !verb.startsWith("version"));

export const read = (root: string, path: string): string =>
  readFileSync(join(root, path), "utf8");

export const CLEARING = "Clearing what an unfinished attempt left.";
