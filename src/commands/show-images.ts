// Shows what is wrong or odd about the images and bases that a command reads, before the command goes on.
import type { ProvenBase } from "../base/proven-base.ts";
import type { ImageFinding } from "../flash/image-findings.ts";
import type { Context } from "../terminal/context.ts";
import { lookAtImageFile } from "../sources/look-at-image.ts";

export type Doubts = {
  readonly findings: readonly ImageFinding[];
  /** Why the block map keeps more than it should have to. */
  readonly notes: readonly string[];
};

export const doubtsOf = ({ findings, notes }: Doubts): readonly string[] => [
  ...findings.map(({ message }) => `warning: ${message}`),
  ...notes.map((note) => `note: ${note}`),
];

/** Shows each image once, even where several targets get it. */
export const showImages = (
  context: Context,
  images: readonly (Doubts & { readonly label: string })[],
): void => {
  const shown = new Set<string>();
  for (const image of images) {
    const { label, findings, notes } = image;
    context.printJson({ type: "image", image: label, findings, notes });
    const lines = doubtsOf(image);
    const text = [`${label}:`, ...lines.map((line) => `  ${line}`)];
    const remark = text.join("\n");
    if (lines.length > 0 && !shown.has(remark)) {
      shown.add(remark);
      // Shown even with --quiet: nobody should answer without knowing what is wrong.
      if (findings.length > 0) {
        context.complain(remark);
      } else {
        context.remark(remark);
      }
    }
  }
};

/**
 * What is wrong with a base is also wrong with every image made from it. It is not refused here, because a base needs a
 * checksum or --insecure anyway. Bases of the catalogue are not examined: they are as their vendors made them, and nobody
 * else can write to the cache.
 */
export const showBases = async (
  context: Context,
  bases: Iterable<ProvenBase>,
  purpose: "image" | "seed",
): Promise<void> => {
  for (const base of bases) {
    const { path, origin, known } = base;
    if (!known || origin === "file") {
      const source = await base.source(purpose);
      // Whether the image is in use is asked of the file that the user named, not of its decoded copy.
      const reader = { ...base.reader, path, source };
      const look = await lookAtImageFile(reader, source.size, context.signal);
      showImages(context, [
        { label: path, findings: look.findings, notes: [] },
      ]);
    }
  }
};
