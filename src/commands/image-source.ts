// An image file as what a flash writes, with everything that is known about it.
import { realpath } from "node:fs/promises";
import {
  checksumsBeside,
  demandChecksums,
  givenChecksum,
} from "../base/checksums.ts";
import { digestFile } from "../base/digest-file.ts";
import type { MapSource } from "../flash/plan-flash.ts";
import { writeRanges } from "../flash/segments.ts";
import { mapUsed } from "../image/block-map.ts";
import { withBmapCheck } from "../image/bmap-reader.ts";
import { findBmap } from "../image/find-bmap.ts";
import { openImage } from "../image/open-image.ts";
import { type Patch, patchedSource } from "../image/patch.ts";
import { normaliseRanges, type Range } from "../image/range.ts";
import type { Bmap } from "../image/read-bmap.ts";
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
  /** Where checksums of the image's file come from. */
  readonly checksums: readonly string[];
  /** Compares the image's file with them; undefined where there are none. */
  readonly proveImage: ((signal: AbortSignal) => Promise<void>) | undefined;
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

type UsedRanges = {
  readonly used: readonly Range[] | undefined;
  readonly mapSource: MapSource;
};

/** Which ranges hold data; with `wipe` everything is written. */
export const mapImage = async (
  reader: ImageReader,
  patch: Patch,
  wipe: boolean,
  bmap?: Bmap,
): Promise<UsedRanges> => {
  if (!wipe && bmap !== undefined) {
    return { used: normaliseRanges(bmap.ranges), mapSource: "bmap file" };
  }
  if (wipe || reader.source === undefined) {
    return { used: undefined, mapSource: "whole image" };
  }
  const map = await mapUsed(patchedSource(reader.source, patch));
  return { used: map.ranges, mapSource: "file systems" };
};

type ImageOptions = {
  readonly wipe?: boolean | undefined;
  /** The checksum that the file must have. */
  readonly sha256?: string | undefined;
};

/** Where the image's checksums come from, and what compares the file with them. */
const proofOf = async (
  { env }: Context,
  path: string,
  sha256: string | undefined,
): Promise<Pick<FlashSource, "checksums" | "proveImage">> => {
  const given = givenChecksum(sha256);
  const expected = [
    ...(given === undefined ? [] : [given]),
    ...(await checksumsBeside(path)),
  ];
  return {
    checksums: expected.map(({ from }) => from),
    proveImage:
      expected.length === 0
        ? undefined
        : async (signal) => {
            // Its progress would stand in the way of the flash's.
            const report = () => undefined;
            const options = { env, report, signal, subject: path };
            demandChecksums(path, await digestFile(path, options), expected);
          },
  };
};

/** An image file with its block map, the checksums beside it and what its manifest says. */
export const openImageFile = async (
  context: Context,
  path: string,
  { wipe = false, sha256 }: ImageOptions = {},
): Promise<FlashSource> => {
  const opened = await openImage(path);
  try {
    const manifest = await manifestOf(path);
    const proof = await proofOf(context, path, sha256);
    const bmap = await findBmap(path);
    const size = opened.size ?? bmap?.imageSize ?? (await countBytes(opened));
    context.signal.throwIfAborted();
    const reader =
      bmap === undefined ? opened : withBmapCheck(opened, bmap, size);
    const { used, mapSource } = await mapImage(reader, [], wipe, bmap);
    const { node } = manifest ?? {};
    return {
      label: path,
      reader,
      patch: [],
      size,
      ranges: writeRanges(used, size),
      mapSource,
      ...proof,
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
    await opened.close();
    throw error;
  }
};
