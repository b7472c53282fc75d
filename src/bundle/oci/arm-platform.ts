// Which manifest of an image is for a Raspberry Pi, and whether its configuration agrees.
import { z } from "zod";
import type { Report } from "../../report/events.ts";
import { archiveWrong } from "../debian/archive-wrong.ts";
import { cannotCarry } from "./image-wrong.ts";
import { MANIFEST_TYPES } from "./media-types.ts";
import { parseJson, readDocument } from "./read-document.ts";
import {
  type ContainerManifest,
  type Descriptor,
  descriptor,
  DOCUMENT_LIMIT,
  MOST_LAYERS,
  type PlatformIndex,
  platformSchema,
} from "./read-manifest.ts";

type Platform = z.infer<typeof platformSchema>;

const configSchema = platformSchema.extend({
  rootfs: z.object({ diff_ids: z.array(z.string()).max(MOST_LAYERS) }),
});

/** No variant means v8: https://github.com/containerd/platforms/blob/v1.0.0/database.go (normalizeArch) */
const isOurs = ({ os, architecture, variant }: Platform): boolean =>
  os === "linux" &&
  architecture === "arm64" &&
  ["", "8", "v8"].includes(variant ?? "");

const platformWords = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join("/");

const notForArm = (name: string, platforms: readonly string[]): Error =>
  cannotCarry(
    name,
    platforms.length === 0
      ? "does not exist for linux/arm64"
      : `exists only for ${[...new Set(platforms)].join(", ")}, and Raspberry Pis are linux/arm64`,
  );

/** The first manifest for a Raspberry Pi. Throws BUNDLE_INCOMPLETE where there is none, and ARCHIVE_WRONG. */
export const manifestForArm = (
  { entries }: PlatformIndex,
  name: string,
): Descriptor => {
  const found = entries.find(
    ({ platform, mediaType }) =>
      platform !== undefined &&
      isOurs(platform) &&
      MANIFEST_TYPES.includes(mediaType ?? ""),
  );
  if (found === undefined) {
    const platforms = entries.flatMap(({ platform }) =>
      // Attestations stand beside the images, for no platform.
      platform === undefined || platform.os === "unknown"
        ? []
        : [platformWords(platform)],
    );
    throw notForArm(name, platforms);
  }
  return readDocument(
    descriptor(DOCUMENT_LIMIT),
    found,
    `the index of ${name}`,
  );
};

/**
 * The only word on the platform where no index has one. Where an index does, containerd goes by that, and images whose
 * configuration was forgotten when they were built for another platform do run. What it refuses is a configuration without a
 * diff_id for each layer: https://github.com/containerd/containerd/blob/v2.1.4/client/image.go (getLayers)
 *
 * Throws BUNDLE_INCOMPLETE and ARCHIVE_WRONG.
 *
 * @param named whether an index called the manifest linux/arm64
 */
export const checkConfig = (
  bytes: Buffer,
  { layers }: ContainerManifest,
  name: string,
  { named, report }: { readonly named: boolean; readonly report: Report },
): void => {
  const from = `the configuration of ${name}`;
  const { rootfs, ...config } = readDocument(
    configSchema,
    parseJson(bytes),
    from,
  );
  if (!isOurs(config)) {
    if (!named) {
      throw notForArm(name, [platformWords(config)]);
    }
    report({
      type: "warning",
      message: `${from} says ${platformWords(config)}, although its index says linux/arm64`,
      hint: "if its programs do not start on the nodes, ask its publisher",
    });
  }
  if (rootfs.diff_ids.length !== layers.length) {
    throw archiveWrong(
      from,
      `has ${rootfs.diff_ids.length} layers, and its manifest ${layers.length}`,
    );
  }
};
