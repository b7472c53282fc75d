// A base image that several nodes are made from: opened and decoded once, with each node's patch.
import { realpath } from "node:fs/promises";
import { originalBase } from "../build/marker.ts";
import { makeNodeImage } from "../build/node-image.ts";
import type { OpenBase } from "../project/open-bases.ts";
import type { NodeSeed } from "../project/render-seeds.ts";
import { writeRanges } from "../flash/segments.ts";
import { withBmapCheck } from "../image/bmap/bmap-reader.ts";
import { findBmap } from "../image/bmap/find-bmap.ts";
import { prepareBase, type PreparedBase } from "../image/node-patch.ts";
import { openImage } from "../image/archive/open-image.ts";
import type { Bmap } from "../image/bmap/read-bmap.ts";
import type { ImageReader } from "../image/reader.ts";
import { type FlashSource, mapImage } from "./image-source.ts";
import { type ImageLook, lookAtImageFile } from "./look-at-image.ts";
import type { PreparedSeeds } from "../project/prepare-seeds.ts";

/** A base that is decoded once for all nodes that are made from it. */
export type SharedBase = {
  readonly base: OpenBase;
  readonly prepared: PreparedBase;
  /** The reader of the base itself, or of its decoded copy. */
  readonly opened: ImageReader;
  /** The same, checked against the block map. */
  readonly reader: ImageReader;
  readonly size: number;
  /** The block map that lies beside a file of the user's own, such as a role image. */
  readonly bmap: Bmap | undefined;
  readonly look: ImageLook;
};

/** The bytes of the base in order and at random: the archive itself where it allows both, else its decoded copy. */
const readerOf = async (base: OpenBase): Promise<ImageReader> =>
  base.image.reader.source === undefined
    ? openImage(await base.rawPath())
    : base.image.reader;

export const closeBase = async (
  base: OpenBase,
  reader: ImageReader | undefined,
): Promise<void> => {
  if (reader !== undefined && reader !== base.image.reader) {
    await reader.close();
  }
  await base.close();
};

export const shareBase = async (
  base: OpenBase,
  signal: AbortSignal,
): Promise<SharedBase> => {
  const prepared = await prepareBase(await base.source("seed"));
  const bmap =
    base.record.origin === "file" ? await findBmap(base.image.path) : undefined;
  const opened = await readerOf(base);
  const { size } = opened.source ?? {};
  if (size === undefined) {
    throw new Error("a decoded base has a size");
  }
  const reader =
    bmap === undefined ? opened : withBmapCheck(opened, bmap, size);
  // Whether the image is in use is asked of the file that the user named, not of its decoded copy.
  const named = { ...opened, path: base.image.path };
  const look = await lookAtImageFile(named, size, signal);
  return { base, prepared, opened, reader, size, bmap, look };
};

/** Base + patch of one node. */
export const nodeSource = async (
  { base, prepared: preparedBase, reader, size, bmap, look }: SharedBase,
  nodeSeed: NodeSeed,
  prepared: PreparedSeeds,
  wipe: boolean,
): Promise<FlashSource> => {
  const { node, seed } = nodeSeed;
  const { record } = base;
  const origin = await originalBase(preparedBase, record);
  const image = await makeNodeImage(preparedBase, nodeSeed, {
    cluster: prepared.project.cluster,
    base: origin,
    buildTime: prepared.buildTime,
    version: prepared.version,
  });
  const { used, mapSource, notes } = await mapImage(reader, {
    patch: image.patch,
    wipe,
    bmap,
    known: base.known,
  });
  return {
    label: `${node.name} (base ${record.name})`,
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
    files: [await realpath(reader.path)],
    node: { name: node.name, instanceId: seed.instanceId },
    card:
      node.cardSerial === undefined
        ? undefined
        : { node: node.name, serial: node.cardSerial },
    base: { label: record.name, sha256: record.sha256 },
    sample: origin.sample,
    // The base belongs to all nodes that share it.
    close: async () => undefined,
  };
};
