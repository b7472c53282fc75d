// Builds what a plan says: each node's image or seed, its plain files and its manifest.
import { basename, join } from "node:path";
import { rm } from "node:fs/promises";
import { mapUsed, mapWhole } from "../image/block-map.ts";
import { renderBmap } from "../image/bmap/bmap.ts";
import { prepareBase, type PreparedBase } from "../image/node-patch.ts";
import { recordReads } from "../image/recorded-source.ts";
import { patchedSource } from "../image/patch.ts";
import { totalLength } from "../image/range.ts";
import type { Source } from "../image/source.ts";
import {
  writeFileAtomically,
  writeFilesAtomically,
} from "../system/atomic-file.ts";
import { withFileLockInTurn } from "../system/file-lock.ts";
import { recordOf } from "../base/base-request.ts";
import { openRawBase, type ProvenBase } from "../base/proven-base.ts";
import { type BuildJob, buildFacts } from "./ready-bases.ts";
import { removeOthers } from "./earlier-results.ts";
import { type ImageRecord, renderManifest } from "./build-manifest.ts";
import { makeNodeImage, type NodeImage, RESTORE_FILE } from "./node-image.ts";
import { renderPatchFile } from "./patch-file.ts";
import {
  type BuildFormat,
  needsWholeBase,
  nodePaths,
  type NodePaths,
} from "./plan-build.ts";
import type { NodeSeed } from "../project/render-seeds.ts";
import { writeCompressedImage } from "./write-compressed-image.ts";
import { writeRawImage } from "./write-raw-image.ts";
import { makeFolder } from "../system/make-folder.ts";

const PRIVATE = 0o600;

const writeSeedFiles = async (
  folder: string,
  { seed, restore, configTxt, cmdlineTxt }: NodeImage,
): Promise<void> => {
  await makeFolder(folder, 0o700);
  // An earlier build may have left one that this card does not begin with.
  await rm(join(folder, RESTORE_FILE), { force: true });
  await writeFilesAtomically(
    folder,
    {
      "user-data": seed.userData,
      "meta-data": seed.metaData,
      "network-config": seed.networkConfig,
      "config.txt": configTxt,
      "cmdline.txt": cmdlineTxt,
      ...(restore === undefined ? {} : { [RESTORE_FILE]: restore.packed }),
    },
    PRIVATE,
  );
};

const writeCompressed = async (
  image: Omit<
    Parameters<typeof writeCompressedImage>[0],
    "base" | "size" | "format"
  >,
  base: ProvenBase,
  size: number,
  format: BuildFormat,
) => {
  const reader = await openRawBase(base);
  try {
    return await writeCompressedImage({
      ...image,
      base: reader,
      size,
      format: format === "img.xz" ? "xz" : "zstd",
    });
  } finally {
    await reader.close();
  }
};

/** The image, its block map with checksums, and its checksum file. */
const writeNodeImage = async (
  job: BuildJob,
  base: ProvenBase,
  source: Source,
  image: NodeImage,
  paths: NodePaths,
  path: string,
): Promise<ImageRecord> => {
  const { report, signal } = job;
  const { patch, node } = image;
  const { ranges, notes } = base.known
    ? await mapUsed(patchedSource(source, patch))
    : mapWhole(source.size);
  for (const message of notes) {
    report({ type: "notice", message, subject: node.name });
  }
  const common = {
    patch,
    ranges,
    path,
    subject: node.name,
    report,
    signal,
  };
  // The old files describe the old image, so they are removed first: at no time must a file lie beside an image that it does
  // not describe.
  await rm(paths.checksum, { force: true });
  await rm(paths.bmap, { force: true });
  const written =
    job.format === "img"
      ? {
          ...(await writeRawImage({
            ...common,
            rawBase: await base.rawPath(),
            carries: base.carries,
          })),
          bytes: source.size,
        }
      : await writeCompressed(common, base, source.size, job.format);
  await removeOthers(job.out, node.name, path);
  await writeFileAtomically(
    paths.bmap,
    renderBmap({
      imageSize: source.size,
      ranges: ranges.map((range, index) => ({
        ...range,
        sha256: written.ranges[index] ?? "",
      })),
    }),
  );
  await writeFileAtomically(
    paths.checksum,
    `${written.sha256}  ${basename(path)}\n`,
  );
  return {
    file: basename(path),
    bytes: written.bytes,
    sha256: written.sha256,
    imageBytes: source.size,
    usedBytes: totalLength(ranges),
  };
};

/** Builds one node from a base; `shared` is the same base, prepared for all nodes. */
const buildNode = async (
  job: BuildJob,
  base: ProvenBase,
  shared: PreparedBase,
  nodeSeed: NodeSeed,
): Promise<void> => {
  const { project, out, format, buildTime, version } = job;
  const { cluster } = project;
  const { node } = nodeSeed;
  const paths = nodePaths(out, node.name, format);
  const { source } = shared;
  const { carries } = base;
  // A patch names what of the base alone it was made from.
  const recorded =
    paths.patch === undefined
      ? undefined
      : recordReads((await carries?.original.source("seed")) ?? source);
  const prepared =
    recorded === undefined
      ? shared
      : await prepareBase(carries?.around(recorded) ?? recorded);
  const image = await makeNodeImage(
    prepared,
    nodeSeed,
    await buildFacts(job, base, prepared),
  );
  await writeSeedFiles(paths.folder, image);
  if (paths.patch !== undefined && recorded !== undefined) {
    await writeFileAtomically(
      paths.patch,
      renderPatchFile({
        base: recordOf(base),
        proven: base.inParts !== true,
        imageBytes: source.size,
        reads: await recorded.reads(),
        carries,
        patch: image.patch,
      }),
      PRIVATE,
    );
  }
  const record =
    paths.image === undefined
      ? undefined
      : await writeNodeImage(job, base, source, image, paths, paths.image);
  await writeFileAtomically(
    paths.manifest,
    renderManifest({
      version,
      buildTime,
      cluster,
      node,
      seed: image.seed,
      restore: image.restore,
      bundle: image.bundle,
      base: recordOf(base),
      bootSettings: image.bootSettings,
      diskId: image.diskId,
      image: record,
    }),
  );
};

/** Locks the node's results: two runs at once could leave one run's image with the other's checksum and seed. */
const buildInTurn = (
  job: BuildJob,
  base: ProvenBase,
  prepared: PreparedBase,
  nodeSeed: NodeSeed,
): Promise<void> => {
  const subject = nodeSeed.node.name;
  return withFileLockInTurn(
    join(job.out, subject),
    {
      signal: job.signal,
      told: (lock) =>
        job.report({
          type: "notice",
          message: `another run of pi-image builds it and holds ${lock}; waiting for it to finish`,
          subject,
        }),
    },
    () => buildNode(job, base, prepared, nodeSeed),
  );
};

/**
 * How many seeds are built at once: they are small files that mostly wait for the disk to sync. Images keep the disk busy,
 * so they are built one after the other.
 */
const SEEDS_AT_A_TIME = 16;

/** Builds all nodes of one base. */
export const buildNodes = async (
  job: BuildJob,
  base: ProvenBase,
  prepared: PreparedBase,
  nodes: readonly NodeSeed[],
): Promise<void> => {
  const rest = [...nodes];
  const buildRest = async (): Promise<void> => {
    for (
      let nodeSeed = rest.shift();
      nodeSeed !== undefined;
      nodeSeed = rest.shift()
    ) {
      job.signal.throwIfAborted();
      await buildInTurn(job, base, prepared, nodeSeed);
      job.report({
        type: "notice",
        message: "built",
        subject: nodeSeed.node.name,
      });
    }
  };
  const builders = Array.from(
    { length: needsWholeBase(job.format) ? 1 : SEEDS_AT_A_TIME },
    async () => {
      try {
        await buildRest();
      } catch (error) {
        // After a failure, the other builders finish the node that they are working on and then stop.
        rest.length = 0;
        throw error;
      }
    },
  );
  // All builders must have ended before the base is closed.
  for (const result of await Promise.allSettled(builders)) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
};
