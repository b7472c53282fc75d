// Writes a node's image compressed: the base's bytes pass through the patch into the compressor.
import { encodeImage } from "../image/archive/encode-image.ts";
import { applyPatch, type Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { Chunk, ImageReader } from "../image/reader.ts";
import type { Report } from "../report/events.ts";
import type { ImageDigests } from "./digest-image.ts";
import { createRangeDigester, type RangeDigester } from "./range-digests.ts";
import { IMAGE_MODE } from "./write-raw-image.ts";

type CompressedImage = {
  readonly base: ImageReader;
  /** Bytes of the raw image. */
  readonly size: number;
  readonly patch: Patch;
  /** The block map, whose ranges get digests. */
  readonly ranges: readonly Range[];
  readonly format: "xz" | "zstd";
  readonly path: string;
  /** Permissions of the file; by default for the owner only. */
  readonly mode?: number;
  /** Called with the image's bytes in ascending order; what lies between them is zero. */
  readonly observe?: (offset: number, data: Uint8Array) => void;
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

const patched = async function* (
  { base, patch, observe }: CompressedImage,
  digester: RangeDigester,
): AsyncGenerator<Chunk> {
  for await (const { offset, data } of base.chunks()) {
    applyPatch(patch, offset, data);
    digester.update(offset, data);
    observe?.(offset, data);
    yield { offset, data };
  }
};

/** `sha256` is of the compressed file. */
export const writeCompressedImage = async (
  image: CompressedImage,
): Promise<ImageDigests & { readonly bytes: number }> => {
  const { path, size, subject, report, signal } = image;
  const phase = "compress";
  report({ type: "phase", phase, subject, total: size });
  const digester = createRangeDigester(image.ranges);
  const { sha256, size: bytes } = await encodeImage({
    format: image.format,
    path,
    mode: image.mode ?? IMAGE_MODE,
    size,
    chunks: patched(image, digester),
    signal,
    progress: (done) => {
      report({ type: "progress", phase, subject, done, total: size });
    },
  });
  return { sha256, bytes, ranges: digester.digests() };
};
