// Finds out what an image consists of on a Raspberry Pi: the digests of its manifest, its configuration and its layers.
import { createHash } from "node:crypto";
import { readWhole } from "../../system/read-whole.ts";
import { archiveWrong } from "../debian/archive-wrong.ts";
import { checkConfig, manifestForArm } from "./arm-platform.ts";
import { cannotCarry } from "./image-wrong.ts";
import { isDigest, parseImageName } from "./parse-image-name.ts";
import {
  type ContainerManifest,
  readManifestOrIndex,
} from "./read-manifest.ts";
import {
  type RegistryOptions,
  openRegistry,
  type RegistryClient,
} from "./registry-client.ts";

export type ImageBlob = {
  /** "sha256:" and 64 hexadecimal digits. */
  readonly digest: string;
  readonly size: number;
};

export type ResolvedImage = {
  /** In full, as containerd keeps it. */
  readonly name: string;
  /** Of the manifest for linux/arm64. */
  readonly digest: string;
  readonly manifest: ImageBlob & { readonly mediaType: string };
  /** Configuration and layers, each once. */
  readonly blobs: readonly ImageBlob[];
};

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

type Found = {
  readonly manifest: ContainerManifest;
  readonly digest: string;
  readonly size: number;
  /** Whether an index called it linux/arm64. */
  readonly named: boolean;
};

/** @param reference a tag, or the digest of a manifest or of an index */
const findManifest = async (
  client: RegistryClient,
  reference: string,
  name: string,
): Promise<Found> => {
  const bytes = isDigest(reference)
    ? await readWhole(
        await client.blob({
          kind: "manifests",
          digest: reference,
          size: undefined,
        }),
      )
    : await client.tagged(reference);
  const document = readManifestOrIndex(bytes, name);
  if (document.kind === "manifest") {
    const digest = digestOf(bytes);
    await client.blob({ kind: "manifests", digest, size: bytes.length });
    return { manifest: document, digest, size: bytes.length, named: false };
  }
  const { digest, size, mediaType } = manifestForArm(document, name);
  const manifest = readManifestOrIndex(
    await readWhole(await client.blob({ kind: "manifests", digest, size })),
    name,
  );
  if (manifest.kind !== "manifest" || manifest.mediaType !== mediaType) {
    throw archiveWrong(
      `the manifest of ${name}`,
      `is not what its index calls it (${mediaType})`,
    );
  }
  return { manifest, digest, size, named: true };
};

const uniqueBlobs = (
  { config, layers }: ContainerManifest,
  name: string,
): readonly ImageBlob[] => {
  const sizes = new Map<string, number>();
  for (const { digest, size } of [config, ...layers]) {
    if ((sizes.get(digest) ?? size) !== size) {
      throw archiveWrong(
        `the manifest of ${name}`,
        `gives ${digest} two different sizes`,
      );
    }
    sizes.set(digest, size);
  }
  return [...sizes].map(([digest, size]) => ({ digest, size }));
};

/**
 * Needs no network where the cache has the locked manifest and its configuration. Throws BUNDLE_INCOMPLETE, DOWNLOAD_FAILED,
 * ARCHIVE_WRONG, CHECKSUM_MISMATCH and DISK_FULL.
 *
 * @param text the name as a manifest has it
 * @param locked the digest that an earlier call found for this name
 */
export const resolveImage = async (
  text: string,
  {
    locked,
    ...options
  }: RegistryOptions & { readonly locked?: string | undefined },
): Promise<ResolvedImage> => {
  const name = parseImageName(text);
  if ("why" in name) {
    throw cannotCarry(JSON.stringify(text), name.why, "correct the name");
  }
  const { report } = options;
  const client = openRegistry(name, {
    ...options,
    // Its documents are small; a bar for each would tell nobody anything.
    report: (event) => {
      if (event.type === "notice" || event.type === "warning") {
        report(event);
      }
    },
  });
  const { manifest, digest, size, named } = await findManifest(
    client,
    locked ?? name.reference,
    name.full,
  );
  const { config, mediaType } = manifest;
  const path = await client.blob({ kind: "blobs", ...config });
  checkConfig(await readWhole(path), manifest, name.full, { named, report });
  return {
    name: name.full,
    digest,
    manifest: { mediaType, digest, size },
    blobs: uniqueBlobs(manifest, name.full),
  };
};
