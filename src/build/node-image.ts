// One node's image as base plus patch: what build writes to a file and flash streams to a card.
import { systemFacts } from "../inventory/boards/systems.ts";
import { diskIdOf } from "../image/table/disk-identity.ts";
import { makeNodePatch, type PreparedBase } from "../image/node-patch.ts";
import type { Patch } from "../image/patch.ts";
import type { BootSettings } from "../image/boot/boot-settings.ts";
import { bootSettings } from "./boot-changes.ts";
import { type BuildFacts, BUILD_MARKER, nodeMarker } from "./marker.ts";
import { recoveryFiles } from "./recovery-files.ts";
import type { NodeSeed } from "../project/render-seeds.ts";

/** cloud-init/files/usr/local/lib/pi-image/restore.sh looks for it, and the scrub phase erases it. */
export const RESTORE_FILE = "pi-image-restore.gz";

export type NodeImage = NodeSeed & {
  readonly patch: Patch;
  readonly bootSettings: BootSettings;
  readonly configTxt: string;
  readonly cmdlineTxt: string;
  readonly diskId: number;
};

/** The same base, seed and build time always give the same patch. */
export const makeNodeImage = async (
  base: PreparedBase,
  nodeSeed: NodeSeed,
  facts: BuildFacts,
): Promise<NodeImage> => {
  const { node, seed, restore } = nodeSeed;
  const settings = bootSettings(node);
  const diskId = systemFacts(node.base).namesDiskId
    ? "keep"
    : diskIdOf(seed.instanceId);
  const made = await makeNodePatch(base, {
    files: [
      { name: "user-data", data: Buffer.from(seed.userData) },
      { name: "meta-data", data: Buffer.from(seed.metaData) },
      { name: "network-config", data: Buffer.from(seed.networkConfig) },
      ...(seed.firstBoot === undefined
        ? []
        : [{ name: "first-boot.sh", data: Buffer.from(seed.firstBoot) }]),
      {
        name: BUILD_MARKER,
        data: Buffer.from(nodeMarker(nodeSeed, facts)),
      },
      ...(restore === undefined
        ? []
        : [{ name: RESTORE_FILE, data: Buffer.from(restore.packed) }]),
      ...(await recoveryFiles(node, facts.buildTime)),
    ],
    // The part of a role image's seed that would stay in effect beside the node's own seed.
    absent: ["vendor-data"],
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
    diskId: made.table.diskId,
  };
};
