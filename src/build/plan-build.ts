// Decides what a build will write, as plain data; computes only.
import { join } from "node:path";
import type { ResolvedNode } from "../inventory/resolved.ts";

export const BUILD_FORMATS = [
  "img",
  "img.xz",
  "img.zst",
  "patch",
  "seed",
] as const;
export type BuildFormat = (typeof BUILD_FORMATS)[number];

/** Whether a format needs the whole base; for the others a few blocks are enough. */
export const needsWholeBase = (format: BuildFormat): boolean =>
  format !== "patch" && format !== "seed";

export type BuildStep = {
  readonly node: string;
  readonly role: string;
  /** The base as the inventory or --base names it. */
  readonly base: string;
  /** Paths of everything that is written for this node. */
  readonly outputs: readonly string[];
};

export type BuildPlan = {
  readonly cluster: string;
  readonly format: BuildFormat;
  /** RFC 3339. */
  readonly buildTime: string;
  /** Where the cluster's secrets are kept; "made" when the file does not exist yet. */
  readonly secrets: { readonly file: string; readonly state: "kept" | "made" };
  readonly steps: readonly BuildStep[];
  /** Files for the whole cluster. */
  readonly outputs: readonly string[];
};

export type NodePaths = {
  /** Path of the image; undefined for `--format seed` and `--format patch`. */
  readonly image: string | undefined;
  /** Only defined for `--format patch`. */
  readonly patch: string | undefined;
  readonly bmap: string;
  readonly checksum: string;
  readonly manifest: string;
  /** The seed and the boot settings as plain files. */
  readonly folder: string;
};

/** The paths of a node's results. */
export const nodePaths = (
  out: string,
  node: string,
  format: BuildFormat,
): NodePaths => ({
  image: needsWholeBase(format) ? join(out, `${node}.${format}`) : undefined,
  patch: format === "patch" ? join(out, `${node}.patch.json`) : undefined,
  bmap: join(out, `${node}.img.bmap`),
  checksum: join(out, `${node}.img.sha256`),
  manifest: join(out, `${node}.manifest.json`),
  folder: join(out, node),
});

export const SEED_FILES = ["user-data", "meta-data", "network-config"] as const;
const SETTINGS_FILES = ["config.txt", "cmdline.txt"] as const;

export const CLUSTER_FILES = [
  "kubeconfig",
  "known_hosts",
  "ssh_config",
] as const;

type PlanInput = {
  readonly cluster: string;
  readonly nodes: readonly ResolvedNode[];
  readonly format: BuildFormat;
  readonly out: string;
  /** `--base`, in place of every node's own. */
  readonly base: string | undefined;
  readonly buildTime: Date;
  readonly secretsFile: string;
  readonly secretsExist: boolean;
  readonly lockFile: string;
};

export const planBuild = (input: PlanInput): BuildPlan => ({
  cluster: input.cluster,
  format: input.format,
  buildTime: input.buildTime.toISOString(),
  secrets: {
    file: input.secretsFile,
    state: input.secretsExist ? "kept" : "made",
  },
  steps: input.nodes.map((node) => {
    const paths = nodePaths(input.out, node.name, input.format);
    const image =
      paths.image === undefined
        ? []
        : [paths.image, paths.bmap, paths.checksum];
    return {
      node: node.name,
      role: node.role,
      base: input.base ?? node.base,
      outputs: [
        ...image,
        ...(paths.patch === undefined ? [] : [paths.patch]),
        paths.manifest,
        ...[...SEED_FILES, ...SETTINGS_FILES].map((name) =>
          join(paths.folder, name),
        ),
      ],
    };
  }),
  outputs: [
    ...CLUSTER_FILES.map((name) => join(input.out, name)),
    input.lockFile,
  ],
});
