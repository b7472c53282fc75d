// What a flash writes: an image file, or a base with a node's patch, with everything that is known about it.
import { realpath } from "node:fs/promises";
import type { MapSource } from "../flash/plan-flash.ts";
import { writeRanges } from "../flash/segments.ts";
import { mapUsed } from "../image/block-map.ts";
import { openImage } from "../image/open-image.ts";
import { type Patch, patchedSource } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import { UserError } from "../report/user-error.ts";
import { imageOfNode, manifestOf, onlyImage } from "./choose-image.ts";
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

type SourceArguments = {
  readonly image: string | undefined;
  readonly hosts: readonly string[];
  readonly inventory: string;
  readonly base: string | undefined;
  readonly sha256: string | undefined;
  readonly out: string;
  readonly wipe: boolean;
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
const mapImage = async (
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

/** Finds and opens what the arguments mean; nothing is written. */
export const openFlashSource = async (
  context: Context,
  args: SourceArguments,
): Promise<FlashSource> => {
  const [host, another] = args.hosts;
  if (another !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "one target takes the image of one node",
      {
        state: "nothing was written",
        hint: `give one --host, such as --host ${host}`,
      },
    );
  }
  if (args.image !== undefined) {
    return openImageFile(context, args.image, args.wipe);
  }
  if (host === undefined) {
    return openImageFile(context, await onlyImage(args.out), args.wipe);
  }
  const built = await imageOfNode(args.out, host);
  if (built !== undefined) {
    return openImageFile(context, built, args.wipe);
  }
  throw new Error("not yet");
};
