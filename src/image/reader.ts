// What flashing and building read from: an image in any of the formats, as decoded bytes.
import type { Range } from "./range.ts";
import type { Source } from "./source.ts";

/** Decoded bytes of the raw image. `data` belongs to the receiver until it asks for the next chunk. */
export type Chunk = { readonly offset: number; readonly data: Uint8Array };

export type ImageFormat = "raw" | "xz" | "gzip" | "bzip2" | "zstd" | "zip";

export type ImageReader = {
  readonly path: string;
  readonly format: ImageFormat;
  /** Bytes of the decoded image; undefined where the format does not tell before the end. */
  readonly size: number | undefined;
  /** Random access, where the format allows it (raw; xz of several blocks). */
  readonly source: Source | undefined;
  /**
   * Decodes the image. Chunks come in ascending order. With `ranges` (normalised), at least these bytes come;
   * a format that cannot skip gives all. Every check the format has is made: damage throws IMAGE_DAMAGED.
   */
  readonly chunks: (ranges?: readonly Range[]) => AsyncIterable<Chunk>;
  /**
   * Full sentences about what is odd in the file but no fault, such as bytes after its end. For a format that does not tell
   * its size they are complete only when `chunks` has ended.
   */
  readonly remarks?: (() => readonly string[]) | undefined;
  readonly close: () => Promise<void>;
};
