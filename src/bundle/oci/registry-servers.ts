// Where an image is asked for: on the mirrors that the inventory names for its registry, and then at the registry itself.
import type { ImageName } from "./parse-image-name.ts";

export type MirroredRegistry = {
  /** Host as image names have it, with a port where it has one, such as "ghcr.io". */
  readonly registry: string;
  /** URL without a slash at its end; one with /v2 in its path is the root of its interface. */
  readonly mirror: string;
};

export type RegistryServer = {
  readonly host: string;
  /** @param path such as "manifests/1.36" or "blobs/sha256:…" */
  readonly urlOf: (path: string) => URL;
};

/** Docker Hub's server has a different name from the one in the names of its images. */
const DOCKER_HUB = "registry-1.docker.io";

/** The same addresses that containerd asks on a node with this mirror, `ns` included, by which caches know the registry. */
const mirrorServer = (
  { registry, repository }: ImageName,
  mirror: string,
): RegistryServer => {
  const root = /\/v2(\/|$)/.test(mirror) ? mirror : `${mirror}/v2`;
  const { host } = new URL(mirror);
  // https://github.com/containerd/containerd/blob/v2.1.4/core/remotes/docker/resolver.go (addNamespace)
  const query = host === registry ? "" : `?ns=${registry}`;
  return {
    host,
    urlOf: (path) => new URL(`${root}/${repository}/${path}${query}`),
  };
};

/** In the order in which they are asked. */
export const registryServers = (
  name: ImageName,
  mirrors: readonly MirroredRegistry[],
): readonly RegistryServer[] => {
  const { registry, repository } = name;
  const host = registry === "docker.io" ? DOCKER_HUB : registry;
  return [
    ...mirrors
      .filter((each) => each.registry === registry)
      .map(({ mirror }) => mirrorServer(name, mirror)),
    {
      host,
      urlOf: (path) => new URL(`https://${host}/v2/${repository}/${path}`),
    },
  ];
};
