// Nodes as sources of a flash: the built image where it is current, else the base streamed through the node's patch.
import { openBases } from "../../project/open-bases.ts";
import type { SourceFile } from "../../device/run-sources.ts";
import type { NodeSeed } from "../../project/render-seeds.ts";
import type { PreparedBase } from "../../image/node-patch.ts";
import type { ResolvedNode } from "../../inventory/resolved.ts";
import type { Seed } from "../../seed/seed.ts";
import { UserError } from "../../report/user-error.ts";
import {
  imageOfNode,
  type ImageManifest,
  manifestOf,
} from "../../sources/choose-image.ts";
import type { Context } from "../../terminal/context.ts";
import { demandSameCluster } from "../demand/demand-same-cluster.ts";
import type { SourceOptions } from "./flash-options.ts";
import { type FlashSource, openImageFile } from "../../sources/image-source.ts";
import { carryBundles } from "../../project/prepare-bundles.ts";
import {
  prepareSeeds,
  type PreparedSeeds,
} from "../../project/prepare-seeds.ts";
import { openProject } from "../open-project.ts";
import { IMAGE_TO_WRITE, imageFiles } from "../source-files.ts";
import { tellLeft } from "../tell-left.ts";
import {
  type SourcesFromBase,
  sourcesFromBase,
} from "../../sources/sources-from-base.ts";

type NodeArguments = SourceOptions & {
  readonly hosts: readonly string[];
  /** Throws where a base is not what the user believes it to be. */
  readonly accept?: (base: PreparedBase, node: ResolvedNode) => Promise<void>;
};

/**
 * Refuses where the built image came from a base file of the user's own: the inventory does not name it, and streaming
 * another base instead would be a surprise.
 */
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

const isWithoutPassword = (
  { network }: ResolvedNode,
  { passwordsMissing }: PreparedSeeds,
): boolean =>
  passwordsMissing.length > 0 &&
  network.wifi.some(({ password }) => password?.reveal() === "");

/**
 * Where a password is not at hand, everything else is compared: writing an image that already contains the password does not
 * require knowing it.
 */
const isCurrent = (
  seed: Seed,
  built: ImageManifest["seed"],
  { passwordsMissing }: PreparedSeeds,
): boolean =>
  seed.instanceId === built.instanceId ||
  (passwordsMissing.length > 0 &&
    built.withoutPasswords !== undefined &&
    seed.withoutPasswords === built.withoutPasswords);

/** The node's image in the out folder, unless its base is the better source. */
const builtImage = async (
  context: Context,
  node: ResolvedNode,
  prepared: PreparedSeeds,
  args: NodeArguments,
): Promise<string | undefined> => {
  const { out, base, sha256, hosts, restore } = args;
  if (base !== undefined || sha256 !== undefined || restore !== undefined) {
    return undefined;
  }
  const built = await imageOfNode(out, node.name);
  const manifest = built === undefined ? undefined : await manifestOf(built);
  if (built === undefined || manifest === undefined) {
    return undefined;
  }
  const seeds = await prepared.seedsFromCache();
  const current = seeds.find((seed) => seed.node.name === node.name);
  if (
    prepared.secretsExist &&
    current !== undefined &&
    manifest.restore?.otherwise === current.seed.instanceId
  ) {
    context.remark(
      `${built} was built with --restore: the card begins the cluster with that state. For a card without it, build again.`,
    );
    return built;
  }
  if (
    prepared.secretsExist &&
    current !== undefined &&
    isCurrent(current.seed, manifest.seed, prepared)
  ) {
    if (isWithoutPassword(node, prepared)) {
      context.remark(
        `The Wi-Fi password in ${built} was not compared: it is not available here.`,
      );
      return built;
    }
    // Each of several compressed images would be decoded by itself, whereas their common base is decoded only once.
    const shares = hosts.length > 1 && !built.endsWith(".img");
    return shares && manifest.base.origin !== "file" ? undefined : built;
  }
  demandBase(node.name, built, manifest);
  context.remark(
    `${built} was built before something about ${node.name} changed: flashing what the inventory says now.`,
  );
  return undefined;
};

export type NodeSources = {
  /** In the order of `hosts`; nodes of one base have one reader. */
  readonly sources: readonly FlashSource[];
  /** Undefined where no node's secrets are needed. */
  readonly secretsFile: string | undefined;
  /** Everything that is read or kept for them. */
  readonly files: readonly SourceFile[];
  /** Writes the cluster's secrets and the lockfile; returns the sources again, made with what was written. */
  readonly keep: () => Promise<readonly FlashSource[]>;
  readonly close: () => Promise<void>;
};

type Opened = ReadonlyMap<string, FlashSource>;

type Streamed = {
  readonly files: readonly SourceFile[];
  readonly opened: Opened;
  readonly keep: () => Promise<Opened>;
};

/** Opens the base of each node that has no current image; what must be closed is added to `closers`, even when this fails. */
const streamNodes = async (
  context: Context,
  nodes: readonly ResolvedNode[],
  prepared: PreparedSeeds,
  args: NodeArguments,
  closers: (() => Promise<void>)[],
): Promise<Streamed> => {
  const baseOf = (node: ResolvedNode): string => args.base ?? node.base;
  const bases = await openBases(nodes.map(baseOf), {
    ...prepared.basesFrom,
    explicit: args.base !== undefined,
    sha256: args.sha256,
    signedBy: args.signedBy,
    insecure: args.insecure,
    env: context.env,
    report: context.report,
    signal: context.signal,
  });
  closers.push(async () => {
    for (const base of bases.values()) {
      await base.close();
    }
  });
  const from = new Map<string, SourcesFromBase>();
  const files: SourceFile[] = [];
  for (const [name, base] of bases) {
    const made = await sourcesFromBase(base, context.signal);
    from.set(name, made);
    files.push(...imageFiles(base.path, "the base image"), {
      path: made.decodedPath,
      what: "the decoded base image",
    });
  }
  const fromBaseOf = (node: ResolvedNode): SourcesFromBase => {
    const made = from.get(baseOf(node));
    if (made === undefined) {
      throw new Error(`no base was opened for ${node.name}`);
    }
    return made;
  };
  for (const node of nodes) {
    await args.accept?.(fromBaseOf(node).prepared, node);
  }
  const facts = {
    cluster: prepared.project.cluster,
    buildTime: prepared.buildTime,
    version: prepared.version,
  };
  const sourcesOf = async (seeds: readonly NodeSeed[]): Promise<Opened> => {
    const sources = new Map<string, FlashSource>();
    for (const node of nodes) {
      const seed = seeds.find((one) => one.node.name === node.name);
      if (seed === undefined) {
        throw new Error(`no seed for ${node.name}`);
      }
      sources.set(
        node.name,
        await fromBaseOf(node).sourceOf(seed, facts, args.wipe),
      );
    }
    return sources;
  };
  const supplied = await prepared.supply({ base: args.base, bases });
  const { carrying, close } = await carryBundles(bases, supplied.bundles);
  closers.push(close);
  for (const [name, base] of carrying) {
    if (base.carries !== undefined) {
      from.set(name, await sourcesFromBase(base, context.signal));
      files.push({ path: base.carries.path, what: "the bundle" });
    }
  }
  const opened = await sourcesOf(supplied.seeds);
  return {
    opened,
    files,
    keep: async () => {
      const { seeds } = await supplied.keep();
      return seeds === supplied.seeds ? opened : sourcesOf(seeds);
    },
  };
};

/**
 * Opens what each node's card gets; nothing is written.
 * @throws UserError of the inventory, the bases and the images; everything is closed again then
 */
export const openNodeSources = async (
  context: Context,
  args: NodeArguments,
): Promise<NodeSources> => {
  const { inventory, hosts, base } = args;
  const prepare = async (
    secrets: "needed" | "unasked" | "at hand",
  ): Promise<PreparedSeeds> => {
    const opened = await openProject(context, {
      inventory,
      hosts,
      mayBeImplied: true,
      secrets,
      consent: { allowExec: args.allowExec, remember: true },
    });
    return prepareSeeds(context, opened, {
      inventory,
      hosts,
      base,
      restore: args.restore,
      bundle: args.bundle,
    });
  };
  // A plan runs no command of an inventory and asks no questions.
  const needed = args.dryRun ? "unasked" : "needed";
  const prepared = await prepare(args.base === undefined ? "at hand" : needed);
  await demandSameCluster(context, prepared, args.out);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((step) => step()));
  };
  try {
    const built = new Map<string, FlashSource>();
    for (const node of prepared.nodes) {
      const image = await builtImage(context, node, prepared, args);
      if (image !== undefined) {
        const source = await openImageFile(context, image, args);
        closers.push(source.close);
        built.set(node.name, source);
      }
    }
    const complete = async (): Promise<PreparedSeeds> => {
      const all =
        prepared.passwordsMissing.length > 0 && args.base === undefined
          ? await prepare(needed)
          : prepared;
      tellLeft(context, args.inventory, all);
      return all;
    };
    const rest = prepared.nodes.filter(({ name }) => !built.has(name));
    const streamed: Streamed =
      rest.length === 0
        ? { opened: built, files: [], keep: async () => built }
        : await streamNodes(context, rest, await complete(), args, closers);
    const inOrder = (opened: Opened): readonly FlashSource[] =>
      args.hosts.map((host) => {
        const source = built.get(host) ?? opened.get(host);
        if (source === undefined) {
          throw new Error(`selectNodes found no ${host}`);
        }
        return source;
      });
    return {
      sources: inOrder(streamed.opened),
      secretsFile: prepared.secretsFile,
      files: [
        ...[...built.values()].flatMap(({ label }) =>
          imageFiles(label, IMAGE_TO_WRITE),
        ),
        ...streamed.files,
        ...prepared.files,
      ],
      keep: async () => inOrder(await streamed.keep()),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
