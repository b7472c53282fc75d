// What the cards of several nodes get from one base: the base, decoded once, with each node's patch.
import { realpath } from "node:fs/promises";
import type { ProvenBase } from "../base/proven-base.ts";
import { type BuildFacts, originalBase } from "../build/marker.ts";
import { makeNodeImage } from "../build/node-image.ts";
import type { NodeSeed } from "../project/render-seeds.ts";
import { writeRanges } from "../flash/segments.ts";
import { withBmapCheck } from "../image/bmap/bmap-reader.ts";
import { findBmap } from "../image/bmap/find-bmap.ts";
import { rangesAround } from "../image/insertion.ts";
import { prepareBase, type PreparedBase } from "../image/node-patch.ts";
import { type FlashSource, mapImage } from "./image-source.ts";
import { lookAtImageFile } from "./look-at-image.ts";

export type SourcesFromBase = {
  readonly prepared: PreparedBase;
  /** The decoded base; the base itself where that is read at random. */
  readonly decodedPath: string;
  /** Base + patch of one node. */
  readonly sourceOf: (
    nodeSeed: NodeSeed,
    facts: Omit<BuildFacts, "base">,
    wipe: boolean,
  ) => Promise<FlashSource>;
};

/** Makes what each node's card gets from one base, which is decoded once for all of them. The base's `close` closes it. */
export const sourcesFromBase = async (
  base: ProvenBase,
  signal: AbortSignal,
): Promise<SourcesFromBase> => {
  const prepared = await prepareBase(await base.source("seed"));
  const { size } = prepared.source;
  // The block map that lies beside a file of the user's own, such as a role image, and knows nothing of what is carried.
  const bmap = base.origin === "file" ? await findBmap(base.path) : undefined;
  const { carries } = base;
  const original = await (carries?.original ?? base).decoded();
  const checked =
    bmap === undefined
      ? original
      : withBmapCheck(original, bmap, size - (carries?.insertion.length ?? 0));
  const decoded = carries?.aroundReader(original) ?? original;
  const reader = carries?.aroundReader(checked) ?? checked;
  const mapped =
    bmap === undefined || carries === undefined
      ? bmap
      : { ranges: rangesAround(bmap.ranges, carries.insertion) };
  // Whether the image is in use is asked of the file that the user named, not of its decoded copy.
  const look = await lookAtImageFile(
    { ...decoded, path: base.path },
    size,
    signal,
  );
  const record = await originalBase(prepared, base);
  return {
    prepared,
    decodedPath: decoded.path,
    sourceOf: async (nodeSeed, facts, wipe) => {
      const { node, seed } = nodeSeed;
      const image = await makeNodeImage(prepared, nodeSeed, {
        ...facts,
        base: record,
      });
      const { used, mapSource, notes } = await mapImage(reader, {
        patch: image.patch,
        wipe,
        bmap: mapped,
        known: base.known,
      });
      return {
        label: `${node.name} (base ${base.name})`,
        reader,
        patch: image.patch,
        size,
        ranges: writeRanges(used, size, [image.patch]),
        mapSource,
        notes,
        ...look,
        proven: true,
        // The base was verified before anything was made from it.
        checksums: [],
        proveImage: undefined,
        sha256: undefined,
        files: await Promise.all(
          [reader.path, ...(carries === undefined ? [] : [carries.path])].map(
            (path) => realpath(path),
          ),
        ),
        node: { name: node.name, instanceId: seed.instanceId },
        card:
          node.cardSerial === undefined
            ? undefined
            : { node: node.name, serial: node.cardSerial },
        base: { label: base.name, sha256: base.sha256 },
        bundle: carries === undefined ? undefined : { sha256: carries.sha256 },
        sample: record.sample,
        // The base belongs to all nodes that are made from it.
        close: async () => undefined,
      };
    },
  };
};
