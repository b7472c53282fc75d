// Files that make a node's container runtime ask mirrors before the registries themselves.
import type { RegistryMirror, ResolvedCluster } from "../inventory/resolved.ts";
import type { SuppliedFile } from "./supplied-files.ts";

/** One file for each registry with containerd, one for all with CRI-O; none without mirrors. */
export const registryMirrorFiles = ({
  runtime,
  mirrors: { registries },
}: Pick<ResolvedCluster, "runtime" | "mirrors">): readonly SuppliedFile[] =>
  registries.length === 0
    ? []
    : runtime === "cri-o"
      ? [
          {
            path: "/etc/containers/registries.conf.d/90-pi-image.conf",
            mode: "0644",
            text: registries.map(registriesConf).join("\n"),
          },
        ]
      : registries.map((entry) => ({
          path: `/etc/containerd/certs.d/${entry.registry}/hosts.toml`,
          mode: "0644",
          text: hostsToml(entry),
        }));

/** Docker Hub's server has a different name from the one in the names of its images. */
const serverOf = (registry: string): string =>
  registry === "docker.io" ? "registry-1.docker.io" : registry;

/** Whether the mirror's address already has the path of the API, as with Harbor, where each project has its own below /v2. */
const isRoot = (mirror: string): boolean => /\/v2(\/|$)/.test(mirror);

/**
 * The registry itself is asked when the mirror fails.
 * https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
const hostsToml = ({ registry, mirror }: RegistryMirror): string =>
  [
    `server = "https://${serverOf(registry)}"`,
    "",
    `[host."${mirror}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(isRoot(mirror) ? ["  override_path = true"] : []),
    "",
  ].join("\n");

/**
 * Mirrors are named without a scheme, and their API is always below /v2 of the host.
 * https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md
 */
const registriesConf = ({ registry, mirror }: RegistryMirror): string => {
  const { protocol, host, pathname } = new URL(mirror);
  const path = pathname.replace(/^\/v2(?=\/|$)/, "").replace(/\/$/, "");
  return [
    "[[registry]]",
    `location = "${registry}"`,
    "",
    "[[registry.mirror]]",
    `location = "${host}${path}"`,
    ...(protocol === "http:" ? ["insecure = true"] : []),
    "",
  ].join("\n");
};
