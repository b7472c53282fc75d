// A role image as base plus patch: the role's seed, the boot settings of every node, and a disk id.
import { systemFacts } from "../inventory/boards/systems.ts";
import { roleBootSettings } from "../build/boot-changes.ts";
import { BUILD_MARKER, originalBase, roleMarker } from "../build/marker.ts";
import type { BaseRecord } from "../base/base-request.ts";
import { diskIdOf } from "../image/table/disk-identity.ts";
import { makeNodePatch, type PreparedBase } from "../image/node-patch.ts";
import type { Patch } from "../image/patch.ts";
import type { ResolvedCluster } from "../inventory/resolved.ts";
import type { RoleSeed } from "../seed/seed.ts";
import type { ReleaseStep } from "./plan-release.ts";

export type RoleImage = {
  readonly patch: Patch;
  /** The files that pi-image puts onto the boot partition, by name. */
  readonly texts: ReadonlyMap<string, string>;
};

type RoleImageInput = {
  readonly step: ReleaseStep;
  readonly seed: RoleSeed;
  readonly base: BaseRecord;
  readonly kubernetes: ResolvedCluster["kubernetes"];
  readonly buildTime: Date;
  readonly version: string;
};

/** The same input always gives the same patch. */
export const makeRoleImage = async (
  prepared: PreparedBase,
  input: RoleImageInput,
): Promise<RoleImage> => {
  const { step, seed, kubernetes, buildTime, version } = input;
  const base = await originalBase(prepared, input.base);
  const texts = new Map([
    ["user-data", seed.userData],
    ["vendor-data", seed.vendorData],
    ["meta-data", seed.metaData],
    ["network-config", seed.networkConfig],
    [
      BUILD_MARKER,
      roleMarker({
        name: step.name,
        role: step.role,
        kubernetes,
        instanceId: seed.instanceId,
        base,
        sample: base.sample,
        buildTime,
        version,
      }),
    ],
  ]);
  const { patch, configTxt, cmdlineTxt } = await makeNodePatch(prepared, {
    files: [...texts].map(([name, text]) => ({
      name,
      data: Buffer.from(text),
    })),
    bootSettings: roleBootSettings(step.base),
    // The same as for a node with this base (build/node-image.ts): where the system finds its root partition by the id, the
    // id stays.
    diskId: systemFacts(step.base).namesDiskId
      ? "keep"
      : diskIdOf(seed.instanceId),
    now: buildTime,
  });
  return {
    patch,
    texts: new Map([
      ...texts,
      ["config.txt", configTxt],
      ["cmdline.txt", cmdlineTxt],
    ]),
  };
};
