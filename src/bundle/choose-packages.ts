// The packages of a bundle: what the signed lists of today have for a base, and where each is fetched from.
import type { PinnedKey } from "../base/proof/signature.ts";
import { UserError } from "../report/user-error.ts";
import {
  type ArchiveOptions,
  fetchPocket,
  type Pocket,
} from "./debian/fetch-archive-lists.ts";
import { packageClosure } from "./debian/package-closure.ts";
import { type DebPackage, newestOfEach } from "./debian/package-list.ts";
import type { InstalledSystem } from "./installed-system.ts";
import type { SystemArchive } from "./load-archives.ts";
import type { LockedBundle, LockedPackage } from "./locked-bundle.ts";

const ARCH = "arm64";

/** What must be of the very patch: a kubelet that is newer than its API server does not join. */
const OF_THE_PATCH = new Set(["kubelet", "kubeadm", "kubectl"]);

export type PackageSources = {
  readonly system: SystemArchive;
  /** pkgs.k8s.io or its mirror: a flat archive. */
  readonly kubernetes: { readonly address: string; readonly key: PinnedKey };
};

export type PackageWishes = {
  /** Names. */
  readonly wanted: readonly string[];
  /** Such as "1.36.5". */
  readonly kubernetes: string;
  readonly base: InstalledSystem;
};

type ChosenPackages = Pick<LockedBundle, "lists" | "packages">;

type NamedPocket = Pocket & { readonly name: string };

const pocketsOf = (
  { system, kubernetes }: PackageSources,
  lists: LockedBundle["lists"],
  now: Date,
): readonly NamedPocket[] => {
  const seen = (name: string): Date | undefined => {
    const date = lists.find((each) => each.name === name)?.date;
    return date === undefined ? undefined : new Date(date);
  };
  return [
    ...system.suites.map((suite) => ({
      name: suite,
      address: system.address,
      suite,
      components: system.components,
      arch: ARCH,
      keys: [system.key],
      seen: seen(suite),
      now,
    })),
    {
      name: "kubernetes",
      address: kubernetes.address,
      suite: undefined,
      components: [],
      arch: ARCH,
      keys: [kubernetes.key],
      seen: seen("kubernetes"),
      now,
    },
  ];
};

const demandPatch = (
  packages: readonly DebPackage[],
  patch: string,
): readonly DebPackage[] => {
  const ofPatch = packages.filter(
    ({ name, version }) =>
      !OF_THE_PATCH.has(name) || version.startsWith(`${patch}-`),
  );
  for (const name of OF_THE_PATCH) {
    if (!ofPatch.some((each) => each.name === name)) {
      const there = packages
        .filter((each) => each.name === name)
        .map(({ version }) => version.replace(/-.*/, ""));
      throw new UserError(
        "BUNDLE_INCOMPLETE",
        `the archive of Kubernetes has no ${name} ${patch}`,
        {
          facts:
            there.length === 0 ? [] : [`it has ${there.slice(-5).join(", ")}`],
          state: "no bundle was made",
          hint: "write one of these versions in the inventory; a mirror may lag behind",
        },
      );
    }
  }
  return ofPatch;
};

const lockedOf = (
  { name, version, archive, path, size, sha256, fields }: DebPackage,
  { kubernetes }: PackageSources,
): LockedPackage => ({
  name,
  version,
  archive: archive === kubernetes.address ? "kubernetes" : "system",
  path,
  bytes: size,
  sha256,
  fields,
});

/**
 * Reads the lists anew. What the base has is left out, in whatever version it is there.
 *
 * @param earlier lists that an earlier bundle was made from; older ones are not accepted
 */
export const choosePackages = async (
  { wanted, kubernetes, base }: PackageWishes,
  sources: PackageSources,
  earlier: LockedBundle["lists"],
  options: ArchiveOptions,
): Promise<ChosenPackages> => {
  const lists: { name: string; date: string }[] = [];
  const found: (readonly DebPackage[])[] = [];
  for (const pocket of pocketsOf(sources, earlier, new Date())) {
    options.report({
      type: "phase",
      phase: "list packages",
      subject: pocket.name,
    });
    const { date, packages } = await fetchPocket(pocket, options);
    lists.push({ name: pocket.name, date: date.toISOString() });
    found.push(
      pocket.name === "kubernetes"
        ? demandPatch(packages, kubernetes)
        : packages,
    );
  }
  const there = new Set(base.packages.map(({ name }) => name));
  return {
    lists,
    packages: packageClosure(
      wanted.filter((name) => !there.has(name)),
      newestOfEach(found),
      base.packages,
    ).map((each) => lockedOf(each, sources)),
  };
};
