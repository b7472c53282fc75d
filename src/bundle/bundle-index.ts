// The first member of a bundle: what it is for, and the digest of everything in it. Nodes read it with `read` of bash.
import { createHash } from "node:crypto";
import { archiveWrong } from "./debian/archive-wrong.ts";

/** Raised when nodes of an earlier version could not read it. */
const VERSION = 1;

export type BundleFile = {
  /** Below the bundle, such as "debs/runc_1.4.0_arm64.deb". */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
};

export type BundleImage = {
  /** In full, such as "registry.k8s.io/pause:3.10.2". */
  readonly name: string;
  /** Of its manifest for arm64, such as "sha256:…". */
  readonly digest: string;
};

export type BundleIndex = {
  /** Such as "1.36.5". */
  readonly kubernetes: string;
  /** Such as "ubuntu-24.04". */
  readonly system: string;
  /** In the bundle's order. */
  readonly files: readonly BundleFile[];
  readonly images: readonly BundleImage[];
};

export const INDEX_NAME = "index";

export const renderIndex = ({
  kubernetes,
  system,
  files,
  images,
}: BundleIndex): string =>
  [
    `pi-image-bundle ${VERSION}`,
    `kubernetes ${kubernetes}`,
    `base ${system}`,
    ...files.map(
      ({ sha256, bytes, path }) => `file ${sha256} ${bytes} ${path}`,
    ),
    ...images.map(({ name, digest }) => `image ${name} ${digest}`),
    "",
  ].join("\n");

const FILE =
  /^file ([0-9a-f]{64}) (\d{1,15}) (Packages|images\.tar|debs\/[\w+.~-]+\.deb)$/;
const IMAGE = /^image ([\w./:@-]+) (sha256:[0-9a-f]{64})$/;

/** @param from for messages. Throws ARCHIVE_WRONG. */
export const parseIndex = (text: string, from: string): BundleIndex => {
  const [head = "", kubernetes = "", base = "", ...lines] = text
    .replace(/\n$/, "")
    .split("\n");
  const version = /^pi-image-bundle (\d+)$/.exec(head)?.[1];
  if (version === undefined) {
    throw archiveWrong(from, "is not a bundle");
  }
  if (Number(version) !== VERSION) {
    throw archiveWrong(
      from,
      `is a bundle of version ${version}, and this pi-image reads version ${VERSION}`,
    );
  }
  const [, patch] = /^kubernetes (\d+\.\d+\.\d+)$/.exec(kubernetes) ?? [];
  const [, system] = /^base ([a-z0-9.-]+)$/.exec(base) ?? [];
  if (patch === undefined || system === undefined) {
    throw archiveWrong(from, "does not say what it is a bundle for");
  }
  const files: BundleFile[] = [];
  const images: BundleImage[] = [];
  for (const line of lines) {
    const [, sha256, bytes, path] = FILE.exec(line) ?? [];
    const [, name, digest] = IMAGE.exec(line) ?? [];
    if (sha256 !== undefined && path !== undefined) {
      files.push({ path, bytes: Number(bytes), sha256 });
    } else if (name !== undefined && digest !== undefined) {
      images.push({ name, digest });
    } else {
      throw archiveWrong(
        from,
        `has a line that cannot be understood: ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
  }
  if (new Set(files.map(({ path }) => path)).size !== files.length) {
    throw archiveWrong(from, "names a file twice");
  }
  return { kubernetes: patch, system, files, images };
};

/** What a node compares the index with: the bundle's identity. */
export const indexDigest = (index: BundleIndex): string =>
  createHash("sha256").update(renderIndex(index)).digest("hex");
