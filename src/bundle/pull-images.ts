// The container images of a bundle: each found, fetched and compared, and all of them as one archive.
import type { ArchiveOptions } from "./debian/fetch-archive-lists.ts";
import type { BundleImage } from "./bundle-index.ts";
import { type ImageArchive, imageArchive } from "./oci/image-archive.ts";
import { type PulledImage, pullImage } from "./oci/pull-image.ts";
import type { MirroredRegistry } from "./oci/registry-servers.ts";
import { resolveImage } from "./oci/resolve-image.ts";

export type ImageSources = readonly MirroredRegistry[];

type PulledImages = ImageArchive & { readonly images: readonly BundleImage[] };

/**
 * @param names in full
 * @param locked what these names stood for the last time; a name that is not among them is looked up
 *
 * Throws what `resolveImage` throws.
 */
export const pullImages = async (
  names: readonly string[],
  locked: readonly BundleImage[],
  mirrors: ImageSources,
  options: ArchiveOptions,
): Promise<PulledImages> => {
  const pulled: PulledImage[] = [];
  for (const name of names) {
    const earlier = locked.find((each) => each.name === name);
    const resolved = await resolveImage(name, {
      ...options,
      registries: mirrors,
      locked: earlier?.digest,
    });
    pulled.push(await pullImage(resolved, { ...options, registries: mirrors }));
  }
  return {
    ...imageArchive(pulled),
    images: pulled.map(({ name, digest }) => ({ name, digest })),
  };
};
