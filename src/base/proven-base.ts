// A base that was found and compared with what proves it: its bytes, in order or at random, until it is closed.
import { openImage } from "../image/archive/open-image.ts";
import {
  type Insertion,
  insertedReader,
  insertedSource,
  planInsertion,
} from "../image/insertion.ts";
import type { ImageReader } from "../image/reader.ts";
import { openFileSource, type Source } from "../image/source.ts";
import type { CacheOptions } from "../network/cache.ts";
import type { FoundBase } from "./base-request.ts";
import { decodedBaseFile, openDecodedBase } from "./decoded-base.ts";

export type ProvenBase = Omit<FoundBase, "reader" | "known"> & {
  /** The archive or image itself. */
  readonly reader: ImageReader;
  /** See `FoundBase`. */
  readonly known: boolean;
  /** Random access; for "seed" only a few blocks are needed, so nothing large is decoded. */
  readonly source: (purpose: "image" | "seed") => Promise<Source>;
  /** In order and at random: the archive itself where it allows both, else its decoded copy. */
  readonly decoded: () => Promise<ImageReader>;
  /** Path of the decoded base, without what it carries. */
  readonly rawPath: () => Promise<string>;
  /** What was put into the image beside the base; all readers and sources have it. */
  readonly carries?: Carried | undefined;
  /** Also closes everything that it has given. */
  readonly close: () => Promise<void>;
};

export type Carried = {
  readonly insertion: Insertion;
  /** The file whose bytes were put in. */
  readonly path: string;
  readonly sha256: string;
  /** The base without it. */
  readonly original: Pick<ProvenBase, "source" | "decoded">;
  /** The image around another reading of the same base. Closing it closes neither. */
  readonly around: (base: Source) => Source;
  readonly aroundReader: (base: ImageReader) => ImageReader;
};

/** `reader` is that of the file at `found.path`. */
export const provenBase = (
  found: FoundBase,
  reader: ImageReader,
  options: CacheOptions,
): ProvenBase => {
  const opened: { readonly close: () => Promise<void> }[] = [];
  const kept = <Opened extends { readonly close: () => Promise<void> }>(
    one: Opened,
  ): Opened => {
    opened.push(one);
    return one;
  };
  const base = { ...found, reader };
  const rawPath = () => decodedBaseFile(base, options);
  return {
    ...base,
    known: found.known === true,
    source: async (purpose) =>
      kept(await openDecodedBase(base, purpose, options)),
    decoded: async () =>
      reader.source === undefined
        ? kept(await openImage(await rawPath()))
        : reader,
    rawPath,
    close: async () => {
      for (const one of opened) {
        await one.close();
      }
      await reader.close();
    },
  };
};

/** The decoded base in order, with what it carries; the archive is not decoded again for every image. */
export const openRawBase = async ({
  rawPath,
  carries,
}: ProvenBase): Promise<ImageReader> => {
  const reader = await openImage(await rawPath());
  return carries?.aroundReader(reader) ?? reader;
};

/**
 * The base with a file in a partition of its own. Closing it closes the file, and not the base. Throws BASE_CANNOT_CARRY.
 */
export const carryingBase = async (
  base: ProvenBase,
  carried: { readonly path: string; readonly sha256: string },
): Promise<ProvenBase> => {
  const { path, sha256 } = carried;
  const file = await openFileSource(path);
  const insertion = await planInsertion(await base.source("seed"), file.size);
  const around = (source: Source): Source => ({
    ...insertedSource(source, insertion, file),
    close: async () => undefined,
  });
  const aroundReader = (reader: ImageReader): ImageReader =>
    insertedReader(
      reader,
      insertion,
      path,
      reader.source === undefined ? undefined : around(reader.source),
    );
  return {
    ...base,
    carries: { insertion, path, sha256, original: base, around, aroundReader },
    source: async (purpose) => around(await base.source(purpose)),
    decoded: async () => aroundReader(await base.decoded()),
    close: file.close,
  };
};
