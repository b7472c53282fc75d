// Reads what a registry says of an image: the manifest of one platform, or an index of several.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and image-index.md
import { z } from "zod";
import { archiveWrong } from "../debian/archive-wrong.ts";
import { cannotCarry } from "./image-wrong.ts";
import {
  CONFIG_TYPES,
  INDEX_TYPES,
  LAYER_TYPES,
  MANIFEST_TYPES,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./media-types.ts";
import { isDigest } from "./parse-image-name.ts";
import { parseJson, readDocument } from "./read-document.ts";

/** As much as registries themselves accept, and containerd reads. */
export const DOCUMENT_LIMIT = 4 * 1024 * 1024;
const CONFIG_LIMIT = 4 * 1024 * 1024;
/** overlayfs and Docker end at about half of it. */
export const MOST_LAYERS = 256;
const MOST_PLATFORMS = 1024;
/** The largest that the header of a tar can say. */
const LAYER_LIMIT = 8 * 1024 ** 3 - 1;
const IMAGE_LIMIT = 16 * 1024 ** 3;

/** What a document says of another one, or of a blob. */
export const descriptor = (limit: number) =>
  z.object({
    mediaType: z.string().max(255),
    digest: z.string().refine(isDigest, "is not a SHA-256"),
    size: z.int().min(0).max(limit),
  });

export const platformSchema = z.object({
  os: z.string().max(64),
  architecture: z.string().max(64),
  variant: z.string().max(64).optional(),
});

export type Descriptor = z.infer<ReturnType<typeof descriptor>>;

const documentSchema = z.object({
  schemaVersion: z.number().optional(),
  mediaType: z.string().max(255).optional(),
  manifests: z.unknown().optional(),
  config: z.unknown().optional(),
  layers: z.unknown().optional(),
  fsLayers: z.unknown().optional(),
});

const indexSchema = z
  .array(
    z.object({
      mediaType: z.string().max(255).optional(),
      platform: platformSchema.optional(),
      digest: z.string(),
      size: z.number(),
    }),
  )
  .max(MOST_PLATFORMS);

const manifestSchema = z.object({
  config: descriptor(CONFIG_LIMIT),
  layers: z.array(descriptor(LAYER_LIMIT)).min(1).max(MOST_LAYERS),
});

export type ContainerManifest = {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  /** In their order; the same one may be in it more than once. */
  readonly layers: readonly Descriptor[];
};

export type PlatformIndex = {
  readonly kind: "index";
  readonly entries: z.infer<typeof indexSchema>;
};

const typeOf = (
  said: string | undefined,
  types: readonly string[],
  standard: string,
  from: string,
): string => {
  if (said !== undefined && !types.includes(said)) {
    throw archiveWrong(from, `calls itself ${said}, which it is not`);
  }
  return said ?? standard;
};

const demandLayers = (
  { config, layers }: z.infer<typeof manifestSchema>,
  name: string,
): void => {
  if (!CONFIG_TYPES.includes(config.mediaType)) {
    throw cannotCarry(
      name,
      `holds ${config.mediaType}, which is not a container's`,
    );
  }
  for (const { mediaType } of layers) {
    if (/foreign|nondistributable/.test(mediaType)) {
      throw cannotCarry(
        name,
        "has layers that only their owner may hand out (foreign layers)",
      );
    }
    if (!LAYER_TYPES.includes(mediaType)) {
      throw cannotCarry(
        name,
        `has layers of the type ${mediaType}, which containerd cannot unpack`,
      );
    }
  }
  const total = layers.reduce((sum, { size }) => sum + size, config.size);
  if (total > IMAGE_LIMIT) {
    throw cannotCarry(
      name,
      `is larger than ${IMAGE_LIMIT / 1024 ** 3} GiB, which no card is for`,
    );
  }
};

/**
 * By what it contains, which must be what it calls itself; a document that could be read as both is neither:
 * https://github.com/opencontainers/distribution-spec/security/advisories/GHSA-mc8v-mgrf-8f4m
 *
 * Throws ARCHIVE_WRONG, and BUNDLE_INCOMPLETE for what containerd cannot start.
 */
export const readManifestOrIndex = (
  bytes: Buffer,
  name: string,
): ContainerManifest | PlatformIndex => {
  const from = `the manifest of ${name}`;
  const document = readDocument(documentSchema, parseJson(bytes), from);
  const { schemaVersion, mediaType, manifests, layers, config } = document;
  if (schemaVersion === 1 || document.fsLayers !== undefined) {
    throw cannotCarry(
      name,
      "is in Docker's first format (schema 1), which containerd no longer starts",
    );
  }
  if (schemaVersion !== 2) {
    throw archiveWrong(from, "is neither a manifest nor an index");
  }
  if (manifests !== undefined) {
    if (layers !== undefined || config !== undefined) {
      throw archiveWrong(from, "is both a manifest and an index");
    }
    typeOf(mediaType, INDEX_TYPES, OCI_INDEX, from);
    return {
      kind: "index",
      entries: readDocument(indexSchema, manifests, from),
    };
  }
  const manifest = readDocument(manifestSchema, document, from);
  demandLayers(manifest, name);
  return {
    kind: "manifest",
    mediaType: typeOf(mediaType, MANIFEST_TYPES, OCI_MANIFEST, from),
    ...manifest,
  };
};
