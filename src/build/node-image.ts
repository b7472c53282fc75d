// One node's image as base plus patch: what build writes to a file and flash streams to a card.
import { diskIdOf } from "../image/disk-identity.ts";
import { makeNodePatch, type PreparedBase } from "../image/node-patch.ts";
import type { Patch } from "../image/patch.ts";
import type { BootSettings } from "../image/boot-settings.ts";
import type { ResolvedCluster } from "../inventory/resolved.ts";
import { bootSettings } from "./boot-settings.ts";
import type { NodeSeed } from "./render-seeds.ts";

export type NodeImage = NodeSeed & {
  readonly patch: Patch;
  readonly bootSettings: BootSettings;
  readonly configTxt: string;
  readonly cmdlineTxt: string;
  readonly diskId: number;
};

type BuildFacts = {
  readonly cluster: ResolvedCluster;
  readonly base: { readonly name: string; readonly sha256: string };
  readonly buildTime: Date;
  readonly version: string;
};

/** What stays on the boot partition to say which image this is; it holds no secret. */
const marker = ({ node, seed }: NodeSeed, facts: BuildFacts): string =>
  `${JSON.stringify(
    {
      schema: 1,
      tool: `pi-image ${facts.version}`,
      cluster: facts.cluster.name,
      node: node.name,
      role: node.role,
      instanceId: seed.instanceId,
      base: facts.base,
      buildTime: facts.buildTime.toISOString(),
    },
    undefined,
    2,
  )}\n`;

/** Same base, seed and build time: the same patch. */
export const makeNodeImage = async (
  base: PreparedBase,
  nodeSeed: NodeSeed,
  facts: BuildFacts,
): Promise<NodeImage> => {
  const { node, seed } = nodeSeed;
  const settings = bootSettings(node);
  const diskId = diskIdOf(seed.instanceId);
  const made = await makeNodePatch(base, {
    files: [
      { name: "user-data", data: Buffer.from(seed.userData) },
      { name: "meta-data", data: Buffer.from(seed.metaData) },
      { name: "network-config", data: Buffer.from(seed.networkConfig) },
      {
        name: "pi-image.json",
        data: Buffer.from(marker(nodeSeed, facts)),
      },
    ],
    bootSettings: settings,
    diskId,
    now: facts.buildTime,
  });
  return {
    ...nodeSeed,
    patch: made.patch,
    bootSettings: settings,
    configTxt: made.configTxt,
    cmdlineTxt: made.cmdlineTxt,
    diskId,
  };
};
