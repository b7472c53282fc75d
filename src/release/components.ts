// What a machine with a role image will have: the base, the packages that its first boot installs, and the files it brings.
import { createHash } from "node:crypto";
import { parse } from "yaml";
import { z } from "zod";
import type { Bundle } from "../bundle/make-bundle.ts";
import { type BaseSystem, SYSTEMS } from "../inventory/boards/systems.ts";
import type { ResolvedCluster, Runtime } from "../inventory/resolved.ts";

/** One entry of the bill of materials. */
export type Component = {
  readonly type:
    "operating-system" | "application" | "library" | "file" | "container";
  readonly name: string;
  /** Undefined where the first boot takes whatever version the repository has then. */
  readonly version: string | undefined;
  readonly purl: string | undefined;
  readonly sha256: string | undefined;
  /** A sentence that says when and from where it comes. */
  readonly description: string;
};

type Facts = {
  readonly cluster: ResolvedCluster;
  /** The system in the base. */
  readonly system: BaseSystem;
  readonly base: { readonly name: string; readonly sha256: string };
  readonly vendorData: string;
  /** The package repository of the Kubernetes minor. */
  readonly packages: string;
  /** What the image carries. */
  readonly bundle?: Pick<Bundle, "sha256" | "locked"> | undefined;
};

/** The packages that cloud-init/files/usr/local/lib/pi-image/phases/30-packages installs. */
const KUBERNETES = ["kubelet", "kubeadm", "kubectl"] as const;
const FROM_KUBERNETES = ["kubernetes-cni", "cri-tools"] as const;
const FROM_THE_ARCHIVE = ["conntrack", "socat", "ethtool", "iptables"] as const;

type Archive = (typeof SYSTEMS)[BaseSystem]["archive"];

const runtimePackage = (
  runtime: Runtime,
  { vendor, title }: Archive,
): { readonly name: string; readonly from: string } => {
  switch (runtime) {
    case "containerd":
      return { name: "containerd", from: title };
    case "containerd-docker":
      return {
        name: "containerd.io",
        from: `https://download.docker.com/linux/${vendor}`,
      };
    case "cri-o":
      return {
        name: "cri-o",
        from: "https://download.opensuse.org/repositories/isv:/cri-o:",
      };
  }
};

/** https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md */
const debian = (
  vendor: string,
  name: string,
  version: string | undefined,
  repository: string | undefined,
  arch = "arm64",
): string =>
  [
    `pkg:deb/${vendor}/${encodeURIComponent(name)}`,
    version === undefined ? "" : `@${encodeURIComponent(version)}`,
    `?arch=${arch}`,
    repository === undefined
      ? ""
      : `&repository_url=${encodeURIComponent(repository)}`,
  ].join("");

const installed = (
  name: string,
  from: string,
  purl: string,
  version?: string,
): Component => ({
  type: "application",
  name,
  version,
  purl,
  sha256: undefined,
  description: `Installed at the first boot from ${from}.`,
});

const packagesOf = ({
  cluster,
  packages,
  system,
}: Facts): readonly Component[] => {
  const { patch } = cluster.kubernetes;
  const { archive } = SYSTEMS[system];
  const { vendor, title } = archive;
  const runtime = runtimePackage(cluster.runtime, archive);
  return [
    ...KUBERNETES.map((name) =>
      installed(
        name,
        packages,
        debian("kubernetes", name, patch, packages),
        patch,
      ),
    ),
    ...FROM_KUBERNETES.map((name) =>
      installed(
        name,
        packages,
        debian("kubernetes", name, undefined, packages),
      ),
    ),
    installed(
      runtime.name,
      runtime.from,
      debian(
        vendor,
        runtime.name,
        undefined,
        runtime.from === title ? undefined : runtime.from,
      ),
    ),
    ...FROM_THE_ARCHIVE.map((name) =>
      installed(name, title, debian(vendor, name, undefined, undefined)),
    ),
  ];
};

const IN_THE_BUNDLE = "In the bundle that the image carries";

/** https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md */
const oci = (image: string, digest: string): string => {
  const place = image.replace(/@.*$|:[^:/]*$/, "");
  const name = place.slice(place.lastIndexOf("/") + 1).toLowerCase();
  return `pkg:oci/${encodeURIComponent(name)}@${encodeURIComponent(digest)}?arch=arm64&repository_url=${encodeURIComponent(place)}`;
};

/** What is in a bundle, each part with its digest; it serves every role, so the first boot may need less. */
const carriedOf = (
  { packages: repository, system }: Facts,
  { sha256, locked }: Pick<Bundle, "sha256" | "locked">,
  { vendor } = SYSTEMS[system].archive,
): readonly Component[] => [
  {
    type: "file",
    name: "bundle",
    version: undefined,
    purl: undefined,
    sha256,
    description:
      "The bundle that the image carries, in its partition of the type 0xDA.",
  },
  ...locked.packages.map(
    ({ name, version, archive, sha256: digest, fields }): Component => ({
      type: "application",
      name,
      version,
      purl: debian(
        archive === "kubernetes" ? "kubernetes" : vendor,
        name,
        version,
        archive === "kubernetes" ? repository : undefined,
        fields["Architecture"],
      ),
      sha256: digest,
      description: `${IN_THE_BUNDLE}, as a package.`,
    }),
  ),
  ...locked.images.map(({ name, digest }): Component => ({
    type: "container",
    name,
    version: digest,
    purl: oci(name, digest),
    sha256: digest.replace(/^sha256:/, ""),
    description: `${IN_THE_BUNDLE}; the digest is that of its manifest for arm64.`,
  })),
];

const archiveSchema = z.array(
  z.object({ type: z.string(), content: z.string() }),
);
const configSchema = z.object({
  write_files: z
    .array(z.object({ path: z.string(), content: z.string() }))
    .default([]),
});

/** The files that cloud-init writes from the role's part of the seed. */
const filesOf = (vendorData: string): readonly Component[] => {
  const part = archiveSchema
    .parse(parse(vendorData))
    .find(({ type }) => type === "text/cloud-config");
  const { write_files: files } = configSchema.parse(parse(part?.content ?? ""));
  return files.map(({ path, content }) => ({
    type: "file",
    name: path,
    version: undefined,
    purl: undefined,
    sha256: createHash("sha256").update(content).digest("hex"),
    description: "Written by cloud-init at the first boot.",
  }));
};

/** All components, in a fixed order. */
export const roleComponents = (facts: Facts): readonly Component[] => [
  {
    type: "operating-system",
    name: facts.base.name,
    version: undefined,
    purl: undefined,
    sha256: facts.base.sha256,
    description: "The base image, with every package that it brings.",
  },
  ...(facts.bundle === undefined
    ? packagesOf(facts)
    : carriedOf(facts, facts.bundle)),
  ...filesOf(facts.vendorData),
];
