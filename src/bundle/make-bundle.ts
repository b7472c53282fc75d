// Makes the bundle of one base, or finds it in the cache: fetches packages and images, proves them and writes one file.
import { createHash } from "node:crypto";
import type { PinnedKey } from "../base/proof/signature.ts";
import { rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { cachedArchive } from "../base/fetch-archive.ts";
import type { Source } from "../image/source.ts";
import {
  type CacheOptions,
  cachePath,
  withEntryLock,
} from "../network/cache.ts";
import { rememberUse } from "../network/cache-names.ts";
import { rememberDigest } from "../network/digest-file.ts";
import { keepLimit } from "../network/prune-cache.ts";
import { UserError } from "../report/user-error.ts";
import { explainNoRoom, LARGER_CACHE } from "../system/disk-full.ts";
import { publishFile, temporaryName } from "../system/atomic-file.ts";
import { type BundleIndex, indexDigest, renderIndex } from "./bundle-index.ts";
import { choosePackages } from "./choose-packages.ts";
import { fetchPackages } from "./fetch-packages.ts";
import type { ArchiveOptions } from "./debian/fetch-archive-lists.ts";
import { readInstalledSystem } from "./installed-system.ts";
import { loadSystemArchive } from "./load-archives.ts";
import type { LockedBundle } from "./locked-bundle.ts";
import { pullImages, type ImageSources } from "./pull-images.ts";
import { bundleBytes, type BundlePart, writeBundle } from "./write-bundle.ts";

export type BundleWishes = {
  /** The base's name in the lockfile, and its digest. */
  readonly base: string;
  readonly baseSha256: string;
  /** The base's bytes; opened only where nothing of an earlier bundle fits. */
  readonly openBase: () => Promise<Source>;
  /** Such as "1.36.5". */
  readonly kubernetes: string;
  /** Names, in order, each once. */
  readonly packages: readonly string[];
  readonly images: readonly string[];
  readonly kubernetesArchive: {
    readonly address: string;
    /** Undefined where it could not be had; then only packages of an earlier bundle will do. */
    readonly key: PinnedKey | undefined;
  };
  /** In place of the system's own archive; without a slash at its end. */
  readonly systemMirror: string | undefined;
  readonly registries: ImageSources;
};

export type Bundle = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 of its index, by which a node knows it. */
  readonly index: string;
  readonly locked: LockedBundle;
};

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, index) => text === b[index]);

/** Whether an earlier bundle's packages are those that are wanted now; its servers need not be asked for them again. */
const packagesFit = (
  { packages, kubernetes, baseSha256 }: BundleWishes,
  earlier: LockedBundle,
): boolean =>
  earlier.kubernetes === kubernetes &&
  earlier.baseSha256 === baseSha256 &&
  sameTexts(earlier.wanted, packages);

const choose = async (
  wishes: BundleWishes,
  earlier: LockedBundle | undefined,
  options: ArchiveOptions,
): Promise<Pick<LockedBundle, "system" | "lists" | "packages">> => {
  if (earlier !== undefined && packagesFit(wishes, earlier)) {
    return earlier;
  }
  const { address, key } = wishes.kubernetesArchive;
  if (key === undefined) {
    throw new UserError(
      "BUNDLE_INCOMPLETE",
      "the key of the Kubernetes packages could not be had, so nothing proves them",
      {
        state: "no bundle was made",
        hint: "see the message above; then run the command again",
      },
    );
  }
  const base = await readInstalledSystem(await wishes.openBase(), wishes.base);
  const system = await loadSystemArchive(base.name, wishes.base, options.env);
  const chosen = await choosePackages(
    { wanted: wishes.packages, kubernetes: wishes.kubernetes, base },
    {
      system: { ...system, address: wishes.systemMirror ?? system.address },
      kubernetes: { address, key },
    },
    earlier?.lists ?? [],
    options,
  );
  return { system: base.name, ...chosen };
};

const addressesOf = async (
  system: string,
  { base, systemMirror, kubernetesArchive }: BundleWishes,
  env: NodeJS.ProcessEnv,
) => ({
  system: systemMirror ?? (await loadSystemArchive(system, base, env)).address,
  kubernetes: kubernetesArchive.address,
});

const digestOf = async (pieces: BundlePart["pieces"]): Promise<string> => {
  const hash = createHash("sha256");
  for await (const piece of pieces()) {
    hash.update(piece);
  }
  return hash.digest("hex");
};

/** Writes the file under a name of its own, and gives it its digest's name when all of it is on the disk. */
const keep = async (
  index: BundleIndex,
  parts: readonly BundlePart[],
  name: string,
  options: ArchiveOptions,
): Promise<{ readonly path: string; readonly sha256: string }> => {
  const { env, report, signal } = options;
  const text = renderIndex(index);
  const place = await cachePath(env, "archives", indexDigest(index));
  return withEntryLock(place, options, async () => {
    const partial = temporaryName(place);
    const about = {
      phase: "write bundle",
      subject: name,
      total: bundleBytes(text, parts),
    };
    report({ type: "phase", ...about });
    try {
      const sha256 = await writeBundle(partial, text, parts, {
        signal,
        progress: (done) => report({ type: "progress", ...about, done }),
      });
      const path = await cachePath(env, "archives", sha256);
      await publishFile(partial, path);
      await rememberDigest(path, sha256, env);
      await keepLimit(options);
      return { path, sha256 };
    } catch (error) {
      throw explainNoRoom(error, `${name} in ${dirname(place)}`, {
        state: "no bundle was made; what was fetched for it is kept",
        hint: LARGER_CACHE,
      });
    } finally {
      await rm(partial, { force: true });
    }
  });
};

const nameOf = ({ base }: BundleWishes): string => `the bundle for ${base}`;

/** Whether a bundle of the lockfile is what is wanted now. */
export const isWanted = (
  wishes: BundleWishes,
  earlier: LockedBundle | undefined,
): earlier is LockedBundle =>
  earlier !== undefined &&
  packagesFit(wishes, earlier) &&
  sameTexts(
    earlier.images.map((image) => image.name),
    wishes.images,
  );

/** The bundle as the lockfile has it, from the cache; undefined where it lacks it. */
const cachedBundle = async (
  locked: LockedBundle,
  name: string,
  options: CacheOptions,
): Promise<Bundle | undefined> => {
  const cached = await cachedArchive(locked.sha256, name, options);
  if (cached === undefined) {
    return undefined;
  }
  await rememberUse(options.env, cached.sha256, name);
  const { size: bytes } = await stat(cached.path);
  return { ...cached, bytes, index: locked.index, locked };
};

/**
 * @param earlier what the lockfile has: what fits is taken from there, so that the same bytes come out
 *
 * Throws BUNDLE_INCOMPLETE, ARCHIVE_WRONG, SIGNATURE_WRONG, CHECKSUM_MISMATCH, NetworkFailure and DISK_FULL; nothing that is
 * wrong is kept.
 */
export const makeBundle = async (
  wishes: BundleWishes,
  earlier: LockedBundle | undefined,
  options: ArchiveOptions,
): Promise<Bundle> => {
  const name = nameOf(wishes);
  const cached = isWanted(wishes, earlier)
    ? await cachedBundle(earlier, name, options)
    : undefined;
  if (cached !== undefined) {
    return cached;
  }
  const { system, lists, packages } = await choose(wishes, earlier, options);
  const debs = await fetchPackages(
    packages,
    await addressesOf(system, wishes, options.env),
    options,
  );
  const images = await pullImages(
    wishes.images,
    earlier?.images ?? [],
    wishes.registries,
    options,
  );
  const parts = [
    ...debs,
    {
      path: "images.tar",
      bytes: images.bytes,
      sha256: await digestOf(images.pieces),
      pieces: images.pieces,
    },
  ];
  const index: BundleIndex = {
    kubernetes: wishes.kubernetes,
    system,
    files: parts.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
    images: images.images,
  };
  const { path, sha256 } = await keep(index, parts, name, options);
  await rememberUse(options.env, sha256, name);
  const digest = indexDigest(index);
  return {
    path,
    sha256,
    bytes: bundleBytes(renderIndex(index), parts),
    index: digest,
    locked: {
      base: wishes.base,
      baseSha256: wishes.baseSha256,
      system,
      kubernetes: wishes.kubernetes,
      wanted: [...wishes.packages],
      lists,
      packages,
      images: [...images.images],
      index: digest,
      sha256,
    },
  };
};
