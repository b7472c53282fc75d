// An image file as what a flash writes, with everything that is known about it.
import { realpath } from "node:fs/promises";
import type { MapSource } from "../flash/plan-flash.ts";
import { writeRanges } from "../flash/segments.ts";
import { mapUsed } from "../image/block-map.ts";
import { openImage } from "../image/open-image.ts";
import { type Patch, patchedSource } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import { manifestOf } from "./choose-image.ts";
import type { Context } from "./context.ts";

export type FlashSource = {
  readonly label: string;
  readonly reader: ImageReader;
  readonly patch: Patch;
  /** Bytes of the raw image. */
  readonly size: number;
  readonly ranges: readonly Range[];
  readonly mapSource: MapSource;
  readonly sha256: string | undefined;
  /** Files that are read meanwhile, without symbolic links. */
  readonly files: readonly string[];
  readonly node:
    { readonly name: string; readonly instanceId: string } | undefined;
  readonly card: { readonly node: string; readonly serial: string } | undefined;
  readonly base:
    { readonly label: string; readonly sha256: string } | undefined;
  /** Made from the sample base, which no Pi boots. */
  readonly sample: boolean;
  readonly close: () => Promise<void>;
};

/** Formats that do not tell their size are decoded once to count; nothing is kept. */
const countBytes = async (reader: ImageReader): Promise<number> => {
  let end = 0;
  for await (const { offset, data } of reader.chunks()) {
    end = offset + data.length;
  }
  return end;
};

/** Which ranges hold data; with `wipe` everything is written. */
export const mapImage = async (
  reader: ImageReader,
  patch: Patch,
  wipe: boolean,
): Promise<{ used: readonly Range[] | undefined; mapSource: MapSource }> => {
  if (wipe || reader.source === undefined) {
    return { used: undefined, mapSource: "whole image" };
  }
  const map = await mapUsed(patchedSource(reader.source, patch));
  return { used: map.ranges, mapSource: "file systems" };
};

/** An image file with its block map and what its manifest says. */
export const openImageFile = async (
  context: Context,
  path: string,
  wipe: boolean,
): Promise<FlashSource> => {
  const reader = await openImage(path);
  try {
    const manifest = await manifestOf(path);
    const size = reader.size ?? (await countBytes(reader));
    context.signal.throwIfAborted();
    const { used, mapSource } = await mapImage(reader, [], wipe);
    const { node } = manifest ?? {};
    return {
      label: path,
      reader,
      patch: [],
      size,
      ranges: writeRanges(used, size),
      mapSource,
      sha256: undefined,
      files: [await realpath(path)],
      node:
        manifest === undefined
          ? undefined
          : {
              name: manifest.node.name,
              instanceId: manifest.seed.instanceId,
            },
      card:
        node?.cardSerial == null
          ? undefined
          : { node: node.name, serial: node.cardSerial },
      base:
        manifest === undefined
          ? undefined
          : { label: manifest.base.name, sha256: manifest.base.sha256 },
      sample: manifest?.base.origin === "sample",
      close: reader.close,
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
};
