// A node as what a flash writes: its built image where that is current, else its base streamed through its patch.
import { realpath } from "node:fs/promises";
import { makeNodeImage } from "../build/node-image.ts";
import { type OpenBase, openBases } from "../build/open-bases.ts";
import { writeRanges } from "../flash/segments.ts";
import { openImage } from "../image/open-image.ts";
import { prepareBase } from "../image/node-patch.ts";
import type { ImageReader } from "../image/reader.ts";
import { UserError } from "../report/user-error.ts";
import { imageOfNode, type ImageManifest, manifestOf } from "./choose-image.ts";
import type { Context } from "./context.ts";
import { type FlashSource, mapImage, openImageFile } from "./image-source.ts";
import { prepareSeeds } from "./prepare-seeds.ts";

type NodeArguments = {
  readonly host: string;
  readonly inventory: string;
  readonly base: string | undefined;
  readonly sha256: string | undefined;
  readonly out: string;
  readonly wipe: boolean;
};

/** The bytes of the base in order and at random: the archive itself where it allows both, else its decoded copy. */
const readerOf = async (base: OpenBase): Promise<ImageReader> =>
  base.image.reader.source === undefined
    ? openImage(await base.rawPath())
    : base.image.reader;

/** A base file of the user's own is not named in the inventory: streaming another one would surprise. */
const demandBase = (
  host: string,
  path: string,
  manifest: ImageManifest,
): void => {
  if (manifest.base.origin === "file") {
    throw new UserError(
      "IMAGE_OUTDATED",
      `${path} was built before something about ${host} changed`,
      {
        facts: [`it was built from ${manifest.base.name}`],
        state: "nothing was written",
        hint: `build it again, give the base with --base, or name the image to flash it as it is: ${path}`,
      },
    );
  }
};

export const openNodeSource = async (
  context: Context,
  args: NodeArguments,
): Promise<FlashSource> => {
  const { host, out } = args;
  const prepared = await prepareSeeds(context, {
    inventory: args.inventory,
    hosts: [host],
    mayBeImplied: true,
  });
  const built =
    args.base === undefined && args.sha256 === undefined
      ? await imageOfNode(out, host)
      : undefined;
  const manifest = built === undefined ? undefined : await manifestOf(built);
  if (built !== undefined && manifest !== undefined) {
    const [current] = await prepared.seedsFromCache();
    if (
      prepared.secretsExist &&
      current?.seed.instanceId === manifest.seed.instanceId
    ) {
      return openImageFile(context, built, args);
    }
    demandBase(host, built, manifest);
    context.remark(
      `${built} was built before something about ${host} changed: flashing what the inventory says now.`,
    );
  }
  const node = prepared.nodes[0];
  if (node === undefined) {
    throw new Error(`selectNodes found no ${host}`);
  }
  const name = args.base ?? node.base;
  const bases = await openBases([name], {
    explicit: args.base !== undefined,
    sha256: args.sha256,
    insecure: false,
    env: context.env,
    report: context.report,
    signal: context.signal,
  });
  const base = bases.get(name);
  if (base === undefined) {
    throw new Error(`openBases did not open ${name}`);
  }
  try {
    const { seeds } = await prepared.keep({ base: args.base, bases });
    const [nodeSeed] = seeds;
    if (nodeSeed === undefined) {
      throw new Error(`no seed was rendered for ${host}`);
    }
    const image = await makeNodeImage(
      await prepareBase(await base.source("seed")),
      nodeSeed,
      {
        cluster: prepared.project.cluster,
        base: { name: base.record.name, sha256: base.record.sha256 },
        buildTime: prepared.buildTime,
        version: prepared.version,
      },
    );
    const reader = await readerOf(base);
    const { size } = reader.source ?? {};
    if (size === undefined) {
      throw new Error("a decoded base has a size");
    }
    const { used, mapSource } = await mapImage(reader, image.patch, args.wipe);
    return {
      label: `${host} (base ${base.record.name})`,
      reader,
      patch: image.patch,
      size,
      ranges: writeRanges(used, size, [image.patch]),
      mapSource,
      // The base was verified before anything was made from it.
      checksums: [],
      proveImage: undefined,
      sha256: undefined,
      files: [await realpath(reader.path)],
      node: { name: host, instanceId: nodeSeed.seed.instanceId },
      card:
        node.cardSerial === undefined
          ? undefined
          : { node: host, serial: node.cardSerial },
      base: { label: base.record.name, sha256: base.record.sha256 },
      sample: base.record.origin === "sample",
      close: async () => {
        if (reader !== base.image.reader) {
          await reader.close();
        }
        await base.close();
      },
    };
  } catch (error) {
    await base.close();
    throw error;
  }
};
