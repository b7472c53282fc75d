// A base that was found and compared with what proves it: its bytes, in order or at random, until it is closed.
import { openImage } from "../image/archive/open-image.ts";
import type { ImageReader } from "../image/reader.ts";
import type { Source } from "../image/source.ts";
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
  /** Path of the decoded base. */
  readonly rawPath: () => Promise<string>;
  /** Also closes everything that it has given. */
  readonly close: () => Promise<void>;
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
