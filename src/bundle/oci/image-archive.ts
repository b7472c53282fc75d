// One OCI layout of several images, as containerd imports it, whose bytes follow from the images alone.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { UserError } from "../../report/user-error.ts";
import {
  tarBytes,
  type TarMember,
  tarPieces,
  textMember,
} from "../tar-members.ts";
import type { PulledImage } from "./pull-image.ts";
import { OCI_INDEX } from "./media-types.ts";
import type { ImageBlob } from "./resolve-image.ts";

/** Compares on the way: the cache may have been damaged since. */
async function* provenBlob(
  { digest, size }: ImageBlob,
  path: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let done = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(piece);
    done += piece.length;
    yield piece;
  }
  if (done !== size || `sha256:${hash.digest("hex")}` !== digest) {
    throw new UserError(
      "CHECKSUM_MISMATCH",
      `${path} has changed since it was downloaded`,
      {
        state: "no bundle was made",
        hint: "run the command again, which fetches it anew; if this happens again, check the disk under the cache",
      },
    );
  }
}

const blobMembers = (images: readonly PulledImage[]): readonly TarMember[] => {
  const members = new Map<string, TarMember>();
  for (const { manifest, blobs, paths } of images) {
    for (const blob of [manifest, ...blobs]) {
      const path = paths.get(blob.digest);
      if (path === undefined) {
        throw new Error(`${blob.digest} was not pulled`);
      }
      members.set(blob.digest, {
        name: `blobs/${blob.digest.replace(":", "/")}`,
        bytes: blob.size,
        pieces: () => provenBlob(blob, path),
      });
    }
  }
  return [...members.values()];
};

/**
 * containerd takes the first annotation for the image's name, and podman, skopeo and CRI-O the second.
 * https://github.com/containerd/containerd/blob/v2.1.4/core/images/archive/reference.go
 */
const layoutIndex = (images: readonly PulledImage[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: images.map(({ name, manifest }) => ({
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.size,
      platform: { architecture: "arm64", os: "linux" },
      annotations: {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name,
      },
    })),
  });

const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
  a.name < b.name ? -1 : 1;

export type ImageArchive = {
  readonly bytes: number;
  /** Read anew at each call. Throws CHECKSUM_MISMATCH where the cache no longer has what was fetched. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
};

/** The order of the images does not matter; the same name twice counts once. */
export const imageArchive = (images: readonly PulledImage[]): ImageArchive => {
  const sorted = [
    ...new Map(images.map((image) => [image.name, image])).values(),
  ].toSorted(byName);
  const members = [
    ...blobMembers(sorted),
    textMember("index.json", layoutIndex(sorted)),
    textMember("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })),
  ].toSorted(byName);
  return { bytes: tarBytes(members), pieces: () => tarPieces(members) };
};
