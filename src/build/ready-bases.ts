// What a build needs of its bases before anything is written: room for the results, and bases that nodes can be made from.
import { stat } from "node:fs/promises";
import { bytesOnDisk } from "../system/bytes-on-disk.ts";
import { prepareBase, type PreparedBase } from "../image/node-patch.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { ProvenBase } from "../base/proven-base.ts";
import type { BaseRecord } from "../base/base-request.ts";
import type { NodeSeed } from "../project/render-seeds.ts";
import type { Report } from "../report/events.ts";
import { replacedBytes } from "./earlier-results.ts";
import { type BuildFacts, originalBase } from "./marker.ts";
import { makeNodeImage } from "./node-image.ts";
import { checkRoom, type ResultSize, roomFor } from "./out-folder.ts";
import { type BuildFormat, needsWholeBase } from "./plan-build.ts";

export type BuildJob = {
  readonly project: ResolvedProject;
  readonly out: string;
  readonly format: BuildFormat;
  readonly buildTime: Date;
  readonly version: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

export const buildFacts = async (
  { project: { cluster }, buildTime, version }: BuildJob,
  base: BaseRecord,
  prepared: PreparedBase,
): Promise<BuildFacts> => ({
  cluster,
  base: await originalBase(prepared, base),
  buildTime,
  version,
});

/** An estimate of what one node's results take on the disk. */
const bytesPerNode = async (
  base: ProvenBase,
  format: BuildFormat,
): Promise<number> => {
  // Its packages and images are packed already.
  const carried = base.carries?.insertion.bytes ?? 0;
  switch (format) {
    case "patch":
    case "seed":
      return 0;
    case "img":
      return bytesOnDisk(await stat(await base.rawPath())) + carried;
    case "img.xz":
    case "img.zst":
      // The base was compressed by another program at another level, so half is a cautious guess.
      return (await stat(base.path)).size / 2 + carried;
  }
};

/**
 * Prepares the bases, and checks everything about them that could make a build fail, before the first write: there is room
 * for the results, and a node's image can be made.
 * @param baseOf gives the key in `bases` of a node's base
 * @throws UserError DISK_FULL, and what `prepareBase` and `makeNodeImage` throw for a base that no node can be made from
 */
export const readyBases = async (
  job: BuildJob,
  bases: ReadonlyMap<string, ProvenBase>,
  seeds: readonly NodeSeed[],
  baseOf: (node: NodeSeed["node"]) => string,
): Promise<ReadonlyMap<string, PreparedBase>> => {
  const ready = new Map<string, PreparedBase>();
  const results: ResultSize[] = [];
  for (const [name, base] of bases) {
    const mine = seeds.filter(({ node }) => baseOf(node) === name);
    const source = await base.source(
      needsWholeBase(job.format) ? "image" : "seed",
    );
    const needed = await bytesPerNode(base, job.format);
    for (const { node } of mine) {
      const replaced = await replacedBytes(job.out, node.name);
      results.push({ needed, replaced });
    }
    await checkRoom(job.out, roomFor(results));
    const prepared = await prepareBase(source);
    const [largest] = mine.toSorted(
      (one, other) => other.seed.userData.length - one.seed.userData.length,
    );
    if (largest !== undefined) {
      await makeNodeImage(
        prepared,
        largest,
        await buildFacts(job, base, prepared),
      );
    }
    ready.set(name, prepared);
  }
  return ready;
};
