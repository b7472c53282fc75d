// Which packages must be carried so that the named ones can be installed on a base without any archive.
import { UserError } from "../../report/user-error.ts";
import type { DebPackage, PackageList } from "./package-list.ts";
import {
  isMetBy,
  type Offer,
  type Relation,
  relationWords,
} from "./relation.ts";

/** `provides` is undefined where only names and versions are known, as from the list beside Ubuntu's images. */
export type InstalledPackage = Pick<Offer, "name" | "version"> &
  Partial<Pick<Offer, "provides">>;

const incomplete = (why: string, facts: readonly string[] = []): UserError =>
  new UserError("BUNDLE_INCOMPLETE", why, {
    facts,
    state: "no bundle was made",
    hint: "name the package that should be taken, or take a newer base image",
  });

const groupWords = (group: readonly Relation[]): string =>
  group.map(relationWords).join(" or ");

/**
 * Not a solver: it takes the first alternative that fits, changes nothing that is installed already, and refuses where it
 * would have to choose. Recommended packages are left out. Sorted by name. Throws BUNDLE_INCOMPLETE.
 */
export const packageClosure = (
  wanted: readonly string[],
  list: PackageList,
  base: readonly InstalledPackage[],
): readonly DebPackage[] => {
  const installed = new Map<string, Offer>(
    base.map((each) => [
      each.name,
      { provides: list.get(each.name)?.provides ?? [], ...each },
    ]),
  );
  const chosen = new Map<string, DebPackage>();
  const queue: DebPackage[] = [];
  const take = (each: DebPackage) => {
    chosen.set(each.name, each);
    queue.push(each);
  };
  const present = (): readonly Offer[] => [
    ...chosen.values(),
    ...[...installed.values()].filter(({ name }) => !chosen.has(name)),
  ];

  /** The one to take for a dependency that nothing present meets. */
  const choose = (by: string, group: readonly Relation[]): DebPackage => {
    const free = (each: DebPackage | undefined): each is DebPackage =>
      each !== undefined && !installed.has(each.name) && !chosen.has(each.name);
    for (const relation of group) {
      const named = list.get(relation.name);
      if (free(named) && isMetBy(relation, named)) {
        return named;
      }
      const providers = [...list.values()].filter(
        (each) => free(each) && isMetBy(relation, each),
      );
      if (providers.length > 1) {
        throw incomplete(
          `${by} needs ${groupWords(group)}, which several packages provide`,
          [providers.map(({ name }) => name).join(", ")],
        );
      }
      if (providers[0] !== undefined) {
        return providers[0];
      }
    }
    const there = group.flatMap(({ name }) => {
      const has = chosen.get(name) ?? installed.get(name);
      return has === undefined ? [] : [`${name} ${has.version} is there`];
    });
    throw incomplete(
      `${by} needs ${groupWords(group)}, which neither the base nor the archive has`,
      there,
    );
  };

  for (const name of new Set(wanted)) {
    const found = list.get(name);
    if (found === undefined) {
      throw incomplete(`the archive has no package ${name}`);
    }
    if (installed.get(name)?.version !== found.version) {
      take(found);
    }
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const group of next.depends) {
      const there = present();
      if (!group.some((each) => there.some((offer) => isMetBy(each, offer)))) {
        take(choose(next.name, group));
      }
    }
  }

  const all = present();
  for (const one of all) {
    // What an installed package excludes is known only where the archive still lists that very version.
    const listed = list.get(one.name);
    const excludes = listed?.version === one.version ? listed.excludes : [];
    for (const other of all) {
      const against =
        (chosen.has(one.name) || chosen.has(other.name)) &&
        one.name !== other.name
          ? excludes.find((each) => isMetBy(each, other))
          : undefined;
      if (against !== undefined) {
        throw incomplete(
          `${one.name} ${one.version} cannot be installed beside ${other.name} ${other.version}`,
          [`${one.name} excludes ${relationWords(against)}`],
        );
      }
    }
  }
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
};
