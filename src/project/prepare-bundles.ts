// The bundles of the chosen nodes: what the lockfile has of them, and the files themselves where cards are made.
import type { BaseRecord } from "../base/base-request.ts";
import { carryingBase, type ProvenBase } from "../base/proven-base.ts";
import type { Bundle } from "../bundle/make-bundle.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import type { DownloadOptions } from "../network/download.ts";
import { UserError } from "../report/user-error.ts";
import {
  type BundlesRequest,
  gatherBundles,
  lockedIndexes,
} from "../supplies/gather-bundles.ts";
import { carriedIndexes } from "../supplies/carried-indexes.ts";
import type { Supplies } from "../supplies/gather-supplies.ts";
import type { Pins } from "../supplies/load-pins.ts";
import type { Lock } from "../supplies/lock.ts";
import { lockName } from "./lock-bases.ts";

/** A base that was found and proven; its bytes are read only where a bundle is chosen anew. */
export type ChosenBase = BaseRecord & Pick<ProvenBase, "source">;

type BundlesOf = {
  readonly project: ResolvedProject;
  readonly nodes: readonly ResolvedNode[];
  readonly packages: string;
  readonly pins: Pins;
  readonly lock: Lock | undefined;
};

const NONE = new Map<string, never>();

const requestOf = (
  { project, packages, pins, lock }: BundlesOf,
  { manifests, kubernetesKey }: Supplies,
): BundlesRequest => ({
  project,
  manifests,
  packages,
  key:
    kubernetesKey === undefined
      ? undefined
      : {
          armored: kubernetesKey,
          fingerprint:
            project.cluster.mirrors.kubernetesKey ??
            pins.keys.kubernetes.fingerprint,
        },
  locked: lock?.bundles ?? [],
});

const unopened = (): never => {
  throw new Error("the lockfile's bundle is compared, and no base is opened");
};

/** The digests of the indexes that a build would give the seeds, as far as the lockfile has them. */
export const knownIndexes = (
  of: BundlesOf,
  supplies: Supplies,
): ReadonlyMap<string, string> =>
  of.project.cluster.bundle
    ? lockedIndexes(
        requestOf(of, supplies),
        [...new Set(of.nodes.map(({ base }) => base))].map((base) => ({
          base,
          name: lockName(base),
          sha256:
            of.lock?.bases.find(({ name }) => name === lockName(base))
              ?.sha256 ?? "",
          open: unopened,
        })),
      )
    : NONE;

/** What is only tried out, without a network or with a sample that tells nothing, goes on with a warning. */
const orWarn = async (
  mayLack: boolean,
  work: Promise<ReadonlyMap<string, Bundle>>,
  { report }: DownloadOptions,
): Promise<ReadonlyMap<string, Bundle>> => {
  try {
    return await work;
  } catch (error) {
    const expected =
      error instanceof UserError &&
      ["BUNDLE_INCOMPLETE", "BUNDLE_UNREACHABLE"].includes(error.code);
    if (!mayLack || !expected) {
      throw error;
    }
    report({
      type: "warning",
      message: `the card carries no bundle, so its node downloads everything (${error.message})`,
      hint: "connect to the network, and build from the image that the inventory names",
    });
    return NONE;
  }
};

const bundleBase = ([base, { sha256, source }]: readonly [
  string,
  ChosenBase,
]) => ({
  base,
  name: lockName(base),
  sha256,
  open: () => source("image"),
});

/** By the inventory's name of the base; empty for a cluster whose cards carry nothing. Throws as `gatherBundles` does. */
export const fetchBundles = async (
  of: BundlesOf,
  supplies: Supplies,
  bases: ReadonlyMap<string, ChosenBase>,
  mayLack: boolean,
  options: DownloadOptions,
): Promise<ReadonlyMap<string, Bundle>> =>
  of.project.cluster.bundle
    ? orWarn(
        mayLack,
        gatherBundles(
          requestOf(of, supplies),
          [...bases].map(bundleBase),
          options,
        ),
        options,
      )
    : NONE;

type CardsBundles = {
  /** What is put onto the cards, by the inventory's name of the base. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** The digests of the indexes that the nodes are told of, of bundles that the bases bring among them. */
  readonly indexes: ReadonlyMap<string, string>;
};

/** A base that brings a bundle, such as a role image, gets no second one. Throws as `fetchBundles` and `carriedIndexes` do. */
export const bundlesForCards = async (
  of: BundlesOf,
  supplies: Supplies,
  bases: ReadonlyMap<string, ChosenBase>,
  mayLack: boolean,
  options: DownloadOptions,
): Promise<CardsBundles> => {
  if (!of.project.cluster.bundle) {
    return { bundles: NONE, indexes: NONE };
  }
  const brought = await carriedIndexes(
    requestOf(of, supplies),
    [...bases].map((each) => ({
      ...bundleBase(each),
      peek: () => each[1].source("seed"),
    })),
  );
  const bundles = await fetchBundles(
    of,
    supplies,
    new Map([...bases].filter(([name]) => !brought.has(name))),
    mayLack,
    options,
  );
  return {
    bundles,
    indexes: new Map([
      ...brought,
      ...[...bundles].map(([base, { index }]) => [base, index] as const),
    ]),
  };
};

/**
 * The bases as the cards get them. Close what `close` closes besides the bases themselves. Throws BASE_CANNOT_CARRY.
 *
 * @param bundles by the inventory's name of the base
 */
export const carryBundles = async (
  bases: ReadonlyMap<string, ProvenBase>,
  bundles: ReadonlyMap<string, Bundle>,
): Promise<{
  readonly carrying: ReadonlyMap<string, ProvenBase>;
  readonly close: () => Promise<void>;
}> => {
  const carrying = new Map<string, ProvenBase>();
  const opened: ProvenBase[] = [];
  const close = async () => {
    await Promise.all(opened.map((base) => base.close()));
  };
  try {
    for (const [name, base] of bases) {
      const bundle = bundles.get(name);
      if (bundle === undefined) {
        carrying.set(name, base);
        continue;
      }
      const carried = await carryingBase(base, bundle);
      opened.push(carried);
      carrying.set(name, carried);
    }
    return { carrying, close };
  } catch (error) {
    await close();
    throw error;
  }
};
