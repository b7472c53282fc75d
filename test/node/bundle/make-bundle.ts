// A bundle of debs and images that a test makes, written as for a card.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { indexDigest, renderIndex } from "../../../src/bundle/bundle-index.ts";
import { writeBundle } from "../../../src/bundle/write-bundle.ts";

export const sha256 = (data: Uint8Array | string): string =>
  createHash("sha256").update(data).digest("hex");

export const architecture = (): string =>
  execFileSync("dpkg", ["--print-architecture"], {
    encoding: "utf8",
    stdio: "pipe",
  }).trim();

export type Deb = {
  readonly name: string;
  /** With its epoch. */
  readonly version: string;
  readonly depends?: string;
  /** In KiB, where it is not what the package has. */
  readonly installed?: number;
  /** Paths with the texts of programs. */
  readonly programs?: Readonly<Record<string, string>>;
};

type Member = { readonly name: string; readonly data: Buffer };

const tarOf = (members: readonly Member[]): Promise<Buffer> => {
  const archive = pack();
  for (const { name, data } of members) {
    archive.entry({ name, mode: 0o644, mtime: new Date(0) }, data);
  }
  archive.finalize();
  return buffer(archive);
};

/** The package, and its stanza in the archive's list. */
const makeDeb = (deb: Deb): Member & { readonly stanza: string } => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-deb-"));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const control = [
    `Package: ${deb.name}`,
    `Version: ${deb.version}`,
    `Architecture: ${architecture()}`,
    "Maintainer: pi-image <pi-image@example.org>",
    ...(deb.depends === undefined ? [] : [`Depends: ${deb.depends}`]),
    `Installed-Size: ${deb.installed ?? 1}`,
    "Description: for a test",
    "",
  ].join("\n");
  try {
    put("DEBIAN/control", control);
    for (const [path, text] of Object.entries(deb.programs ?? {})) {
      put(path, text);
      chmodSync(join(folder, path), 0o755);
    }
    const file = `${folder}.deb`;
    execFileSync("dpkg-deb", ["--root-owner-group", "--build", folder, file], {
      stdio: "pipe",
    });
    const data = readFileSync(file);
    rmSync(file);
    const short = deb.version.replace(/^\d+:/, "");
    const name = `debs/${deb.name}_${short}_${architecture()}.deb`;
    return {
      name,
      data,
      stanza: `${control}Filename: ${name}\nSize: ${data.length}\nSHA256: ${sha256(data)}\n`,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
};

export type Image = { readonly reference: string; readonly digest: string };

/** An OCI layout with an image of one layer for each name, of this machine's architecture. */
const makeImages = async (
  names: readonly string[],
): Promise<{ readonly data: Buffer; readonly images: readonly Image[] }> => {
  const blobs = new Map<string, Buffer>();
  const blob = (mediaType: string, data: Buffer) => {
    blobs.set(sha256(data), data);
    return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const oci = "application/vnd.oci.image";
  const manifests = [];
  for (const name of names) {
    const layer = await tarOf([{ name: "what", data: Buffer.from(name) }]);
    const manifest = json({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: blob(
        `${oci}.config.v1+json`,
        json({
          architecture: architecture(),
          os: "linux",
          config: {},
          rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
        }),
      ),
      layers: [blob(`${oci}.layer.v1.tar+gzip`, gzipSync(layer))],
    });
    manifests.push({
      ...blob(`${oci}.manifest.v1+json`, manifest),
      annotations: { "io.containerd.image.name": name },
    });
  }
  const data = await tarOf([
    { name: "oci-layout", data: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", data: json({ schemaVersion: 2, manifests }) },
    ...[...blobs]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, data]) => ({ name: `blobs/sha256/${name}`, data })),
  ]);
  return {
    data,
    images: manifests.map(({ annotations, digest }) => ({
      reference: annotations["io.containerd.image.name"],
      digest,
    })),
  };
};

export type Bundle = {
  readonly data: Buffer;
  /** What node settings call it. */
  readonly index: string;
  readonly images: readonly Image[];
};

export const makeBundle = async (of: {
  readonly debs?: readonly Deb[];
  readonly images?: readonly string[];
  readonly kubernetes?: string;
}): Promise<Bundle> => {
  const debs = (of.debs ?? [])
    .map(makeDeb)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { data, images } = await makeImages(of.images ?? []);
  const parts = [
    {
      name: "Packages",
      data: Buffer.from(debs.map(({ stanza }) => `${stanza}\n`).join("")),
    },
    ...debs,
    { name: "images.tar", data },
  ].map((member) => ({
    path: member.name,
    bytes: member.data.length,
    sha256: sha256(member.data),
    pieces: () => [member.data],
  }));
  const index = {
    kubernetes: of.kubernetes ?? "1.36.5",
    system: "ubuntu-24.04",
    files: parts,
    images: images.map(({ reference, digest }) => ({
      name: reference,
      digest,
    })),
  };
  const folder = mkdtempSync(join(tmpdir(), "pi-image-bundle-"));
  try {
    const path = join(folder, "bundle.tar");
    await writeBundle(path, renderIndex(index), parts, {
      signal: new AbortController().signal,
      progress: () => undefined,
    });
    return { data: readFileSync(path), index: indexDigest(index), images };
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** As on a card: filled with zeros to whole erase blocks. */
export const asPartition = ({ data }: Bundle): Buffer => {
  const block = 4 * 1024 * 1024;
  return Buffer.concat([data, Buffer.alloc(block - (data.length % block))]);
};

/** With one bit of a member the other way round; `where` is a text of it. */
export const flipped = (data: Buffer, where: Buffer | string): Buffer => {
  const copy = Buffer.from(data);
  const at = copy.indexOf(where);
  if (at < 0) {
    throw new Error("the bundle has no such text");
  }
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
