// The bundles that bases bring already, as role images of `pi-image release --with-bundle` do.
import type { BundleIndex } from "../bundle/bundle-index.ts";
import { readInstalledSystem } from "../bundle/installed-system.ts";
import type { BundleWishes } from "../bundle/make-bundle.ts";
import { readCarriedIndex } from "../bundle/read-index.ts";
import type { Source } from "../image/source.ts";
import { readPartitionTable } from "../image/table/partition-table.ts";
import { UserError } from "../report/user-error.ts";
import {
  type BundleBase,
  type BundlesRequest,
  bundleWishes,
} from "./gather-bundles.ts";

/** A base, which is opened for a few reads before it is opened as a whole. */
type PeekedBase = BundleBase & { readonly peek: () => Promise<Source> };

const hasDeb = ({ files }: BundleIndex, name: string): boolean =>
  files.some(({ path }) => path.startsWith(`debs/${name}_`));

/** What is neither in the bundle nor in the base; the base's list of packages is read only where the bundle lacks one. */
const lackedPackages = async (
  index: BundleIndex,
  { packages, openBase, base }: BundleWishes,
): Promise<readonly string[]> => {
  const others = packages.filter((name) => !hasDeb(index, name));
  if (others.length === 0) {
    return [];
  }
  const installed = await readInstalledSystem(await openBase(), base);
  const there = new Set(
    installed.packages.flatMap(({ name, provides }) => [
      name,
      ...(provides ?? []).map((each) => each.name),
    ]),
  );
  return others.filter((name) => !there.has(name));
};

const lacks = (what: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`it lacks the ${what} ${names.join(", ")}`];

const demandFit = async (
  index: BundleIndex,
  wishes: BundleWishes,
  cluster: string,
): Promise<void> => {
  const has = new Set(index.images.map(({ name }) => name));
  const facts = [
    ...(index.kubernetes === wishes.kubernetes
      ? []
      : [
          `it is for Kubernetes ${index.kubernetes}, and the cluster has ${wishes.kubernetes}`,
        ]),
    ...lacks("packages", await lackedPackages(index, wishes)),
    ...lacks(
      "images",
      wishes.images.filter((name) => !has.has(name)),
    ),
  ];
  if (facts.length > 0) {
    throw new UserError(
      "BUNDLE_INCOMPLETE",
      `the bundle in ${wishes.base} is not what the nodes of ${cluster} need`,
      {
        facts,
        state: "nothing was written",
        hint: "make the role images again with `pi-image release --with-bundle`, or make this card from the node's own base",
      },
    );
  }
};

/**
 * The digests of the indexes of bundles that the bases bring, by the inventory's name of the base. Such a base is proven as a whole, so
 * what its bundle says of itself is its maker's word. Throws BUNDLE_INCOMPLETE and ARCHIVE_WRONG.
 */
export const carriedIndexes = async (
  request: BundlesRequest,
  bases: readonly PeekedBase[],
): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for (const base of bases) {
    const source = await base.peek();
    const index = await readCarriedIndex(
      source,
      await readPartitionTable(source),
      base.name,
    );
    if (index !== undefined) {
      const { name } = request.project.cluster;
      await demandFit(index, bundleWishes(request, base), name);
      found.set(base.base, index.digest);
    }
  }
  return found;
};
