// An image file as the source of a flash, with everything that is known about it.
import { realpath } from "node:fs/promises";
import type { CacheOptions } from "../network/cache.ts";
import {
  checksumsBeside,
  demandFileChecksums,
  demandUnpackedChecksum,
  type ExpectedChecksum,
  unpackedChecksumBeside,
} from "../base/proof/checksums.ts";
import type { SignedBy } from "../base/proof/signed-by.ts";
import { demandedChecksum } from "../base/proof/signed-checksum.ts";
import { digestFile } from "../network/digest-file.ts";
import type { MapSource } from "../flash/plan-flash.ts";
import type { ImageFinding } from "../flash/image-findings.ts";
import { writeRanges } from "../flash/segments.ts";
import { mapUsed } from "../image/block-map.ts";
import { withBmapCheck } from "../image/bmap/bmap-reader.ts";
import { sectorsOf } from "../image/bmap/check-bmap.ts";
import { findBmap } from "../image/bmap/find-bmap.ts";
import { openImage } from "../image/archive/open-image.ts";
import { type Patch, patchedSource } from "../image/patch.ts";
import { normaliseRanges, type Range } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import type { SectorSize } from "../image/table/table.ts";
import { manifestOf } from "./choose-image.ts";
import { isKnownImage } from "./known-image.ts";
import { lookAtImageFile } from "./look-at-image.ts";

export type FlashSource = {
  readonly label: string;
  readonly reader: ImageReader;
  readonly patch: Patch;
  /** Bytes of the raw image. */
  readonly size: number;
  readonly ranges: readonly Range[];
  readonly mapSource: MapSource;
  /** Where the checksums of the image file come from. */
  readonly checksums: readonly string[];
  /** Compares the image file with its checksums; undefined where there are none. */
  readonly proveImage: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly sha256: string | undefined;
  /** Files that are read during the flash, with symbolic links resolved. */
  readonly files: readonly string[];
  readonly node:
    { readonly name: string; readonly instanceId: string } | undefined;
  readonly card: { readonly node: string; readonly serial: string } | undefined;
  readonly base:
    { readonly label: string; readonly sha256: string } | undefined;
  /** What lies in the image beside its base. */
  readonly bundle: { readonly sha256: string } | undefined;
  /** Made from the sample base, which no Pi boots. */
  readonly sample: boolean;
  /** What is wrong with the image, or with the base that is patched. */
  readonly findings: readonly ImageFinding[];
  /** Why the block map keeps more than it would have to. */
  readonly notes: readonly string[];
  /** A checksum is compared with it, or the base was verified already. */
  readonly proven: boolean;
  /** The sector size in which the partition table counts. */
  readonly sectorSize: SectorSize | undefined;
  readonly close: () => Promise<void>;
};

/** An image whose format does not state its size is decoded once, only to count its bytes. */
const countBytes = async (
  reader: ImageReader,
  { report, signal }: CacheOptions,
): Promise<number> => {
  const phase = "count size";
  const subject = reader.path;
  report({ type: "phase", phase, subject });
  let done = 0;
  for await (const { offset, data } of reader.chunks()) {
    signal.throwIfAborted();
    done = offset + data.length;
    report({ type: "progress", phase, subject, done });
  }
  return done;
};

type UsedRanges = {
  readonly used: readonly Range[] | undefined;
  readonly mapSource: MapSource;
  readonly notes: readonly string[];
};

type MapOptions = {
  readonly patch?: Patch;
  /** Whether every byte is written, used or not. */
  readonly wipe: boolean;
  /** The block map of the image before the patch. */
  readonly bmap?: { readonly ranges: readonly Range[] } | undefined;
  /** Whether the image was built here or is proven by a vendor of the catalogue. */
  readonly known: boolean;
};

/**
 * Which ranges are promised to be on the card. What no file system uses is left out only for a known image: any other may
 * hold a hash tree over free blocks, and not every such tree can be recognised. Such an image is written as a whole, zeros
 * included, unless a block map says less, so that the card does not depend on how the image was packed.
 */
export const mapImage = async (
  reader: ImageReader,
  { patch = [], wipe, bmap, known }: MapOptions,
): Promise<UsedRanges> => {
  const { source } = reader;
  const whole = {
    used: undefined,
    mapSource: "whole image",
    notes: [],
  } as const;
  if (wipe) {
    return whole;
  }
  if (bmap !== undefined && patch.length === 0) {
    return {
      used: normaliseRanges(bmap.ranges),
      mapSource: "bmap file",
      notes: [],
    };
  }
  if (source === undefined || (bmap === undefined && !known)) {
    return whole;
  }
  const { ranges, notes } = await mapUsed(patchedSource(source, patch));
  // The patch may have given files blocks that the block map from before the patch leaves out.
  return bmap === undefined
    ? { used: ranges, mapSource: "file systems", notes }
    : {
        used: normaliseRanges([...bmap.ranges, ...ranges]),
        mapSource: "bmap file",
        notes,
      };
};

export type ImageOptions = {
  readonly wipe?: boolean | undefined;
  /** The checksum that the file must have, given by the user or by something else. */
  readonly sha256?: string | undefined;
  readonly signedBy?: SignedBy | undefined;
  readonly expected?: ExpectedChecksum | undefined;
};

/** Where the image's checksums come from, and what compares the file with them. */
const proofOf = async (
  { env }: CacheOptions,
  path: string,
  given: ExpectedChecksum | undefined,
): Promise<
  Pick<FlashSource, "checksums" | "proveImage"> & {
    readonly beside: readonly ExpectedChecksum[];
  }
> => {
  const beside = await checksumsBeside(path, given);
  const expected = [...(given === undefined ? [] : [given]), ...beside];
  const unpacked = await unpackedChecksumBeside(path);
  const all = [...expected, ...(unpacked === undefined ? [] : [unpacked])];
  return {
    beside,
    checksums: all.map(({ from }) => from),
    proveImage:
      all.length === 0
        ? undefined
        : async (signal) => {
            // Its progress would get in the way of that of the flash.
            const report = () => undefined;
            const options = { env, report, signal, subject: path };
            if (expected.length > 0) {
              const digest = await digestFile(path, options);
              await demandFileChecksums(path, digest, expected, signal);
            }
            if (unpacked !== undefined) {
              await demandUnpackedChecksum(path, unpacked, signal);
            }
          },
  };
};

/**
 * Something odd in a file is no fault where a checksum proves that it was published like that; without a checksum it is a
 * reason for doubt.
 */
const tellRemarks = (
  { report }: CacheOptions,
  { path, remarks }: ImageReader,
  proven: boolean,
): void => {
  for (const message of remarks?.() ?? []) {
    report(
      proven
        ? { type: "notice", subject: path, message }
        : {
            type: "warning",
            subject: path,
            message,
            hint: "nothing proves this file; give the published checksum with --sha256",
          },
    );
  }
};

/** An image file with its block map, the checksums beside it and what its manifest says. */
export const openImageFile = async (
  context: CacheOptions,
  path: string,
  { wipe = false, expected, ...demands }: ImageOptions = {},
): Promise<FlashSource> => {
  const opened = await openImage(path);
  try {
    const manifest = await manifestOf(path);
    const { beside, ...proof } = await proofOf(
      context,
      path,
      expected ?? (await demandedChecksum(path, demands, context)),
    );
    const bmap = await findBmap(path);
    const size =
      opened.size ??
      (bmap === undefined
        ? await countBytes(opened, context)
        : sectorsOf(bmap));
    context.signal.throwIfAborted();
    tellRemarks(context, opened, proof.proveImage !== undefined);
    const reader =
      bmap === undefined ? opened : withBmapCheck(opened, bmap, size);
    const known = await isKnownImage(context, path, beside);
    const look = await lookAtImageFile(opened, size, context.signal);
    const { used, mapSource, notes } = await mapImage(reader, {
      wipe,
      bmap,
      known,
    });
    const { node } = manifest ?? {};
    return {
      label: path,
      reader,
      patch: [],
      size,
      ranges: writeRanges(used, size),
      mapSource,
      notes,
      ...look,
      ...proof,
      proven: proof.checksums.length > 0,
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
      bundle: manifest?.bundle,
      sample: manifest?.base.origin === "sample",
      close: reader.close,
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
};
