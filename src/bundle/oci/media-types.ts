// The formats of images that nodes can start. Docker's types mean the same as those of OCI.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md
// https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-2.md
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_TYPES: readonly string[] = [
  OCI_INDEX,
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
export const MANIFEST_TYPES: readonly string[] = [
  OCI_MANIFEST,
  "application/vnd.docker.distribution.manifest.v2+json",
];
/** For the header: registries translate or refuse what is not in it. */
export const ACCEPTED = [...INDEX_TYPES, ...MANIFEST_TYPES].join(", ");

export const CONFIG_TYPES: readonly string[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
/** What containerd unpacks without a program of its own. */
export const LAYER_TYPES: readonly string[] = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
];
