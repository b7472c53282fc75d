// A small container image as an OCI layout in a folder, for the platforms that a test asks for.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarPieces } from "../../../src/bundle/tar-members.ts";
import { seededBytes } from "../../support/seeded.ts";

export const digestOf = (data: Buffer): string =>
  `sha256:${createHash("sha256").update(data).digest("hex")}`;

const OCI = "application/vnd.oci.image";

const layerOf = async (name: string, bytes: number): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of tarPieces([
    { name, bytes, pieces: () => [seededBytes(bytes, name)] },
  ])) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};

type Sample = {
  /** Such as "linux/arm64/v8". */
  readonly platforms: readonly string[];
  /** Whether an index names the platforms; without one there is only the first. */
  readonly indexed?: boolean;
  /** What the configurations say, where that differs. */
  readonly configured?: string;
};

/** Three different layers, the first of them twice, the largest of about 300 kB. */
export const writeSampleImage = async (
  folder: string,
  { platforms, indexed = true, configured }: Sample,
): Promise<void> => {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (data: Buffer, mediaType: string) => {
    const digest = digestOf(data);
    writeFileSync(join(blobs, digest.slice("sha256:".length)), data);
    return { mediaType, digest, size: data.length };
  };
  const putJson = (value: unknown, mediaType: string) =>
    put(Buffer.from(JSON.stringify(value)), mediaType);
  const platformOf = (text: string) => {
    const [os, architecture, variant] = text.split("/");
    return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  };

  const manifests = [];
  for (const each of platforms) {
    const layers = [
      await layerOf("etc/same-everywhere", 2000),
      await layerOf(`bin/program-${each.replaceAll("/", "-")}`, 300_000),
      await layerOf("etc/last", 10),
    ];
    layers.push(layers[0]!);
    const config = putJson(
      {
        ...platformOf(configured ?? each),
        config: { Entrypoint: ["/bin/program"] },
        rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
        history: [],
      },
      `${OCI}.config.v1+json`,
    );
    manifests.push({
      ...putJson(
        {
          schemaVersion: 2,
          mediaType: `${OCI}.manifest.v1+json`,
          config,
          layers: layers.map((layer) =>
            put(gzipSync(layer), `${OCI}.layer.v1.tar+gzip`),
          ),
        },
        `${OCI}.manifest.v1+json`,
      ),
      platform: platformOf(each),
    });
  }
  const index = {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests,
  };
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify(
      indexed
        ? { ...index, manifests: [putJson(index, `${OCI}.index.v1+json`)] }
        : { ...index, manifests: manifests.slice(0, 1) },
    ),
  );
  writeFileSync(
    join(folder, "oci-layout"),
    JSON.stringify({ imageLayoutVersion: "1.0.0" }),
  );
};
