// The packages that an archive's Packages files list.
import { ifOneOf } from "../../report/expected-failure.ts";
import { archiveWrong } from "./archive-wrong.ts";
import { compareDebVersions } from "./deb-version.ts";
import { type Offer, parseRelations, type Relation } from "./relation.ts";
import { parseStanzas, type Stanza } from "./stanza.ts";

type Groups = readonly (readonly Relation[])[];

export type DebPackage = Offer & {
  readonly depends: Groups;
  /** What it cannot stand beside. */
  readonly excludes: readonly Relation[];
  /** Relative to the archive's address. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** What apt needs to know of it, as it is published, by the names of the fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** The archive's address, without a slash at its end. */
  readonly archive: string;
};

/** The newest of each name. */
export type PackageList = ReadonlyMap<string, DebPackage>;

/** https://www.debian.org/doc/debian-policy/ch-relationships.html */
const FIELDS = [
  "Package",
  "Architecture",
  "Version",
  "Installed-Size",
  "Multi-Arch",
  "Pre-Depends",
  "Depends",
  "Provides",
  "Conflicts",
  "Breaks",
  "Replaces",
] as const;

const DIGEST = /^[0-9a-f]{64}$/;
/** Versions and names become parts of paths and messages, so nothing else is let through. */
const VERSION = /^(?:\d+:)?[0-9][A-Za-z0-9.+~:-]*$/;
const NAME = /^[a-z0-9][a-z0-9+.-]+$/;

/** A path below the archive, of which no part is `..` or empty. */
const isBelow = (path: string): boolean =>
  /^[\w+.~:%/-]+\.deb$/.test(path) &&
  path
    .replace(/^\.\//, "")
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== "..");

const toPackage = (
  stanza: Stanza,
  archive: string,
  from: string,
): DebPackage => {
  const field = (name: string) => stanza.get(name) ?? "";
  const [name, version, path] = [
    field("package"),
    field("version"),
    field("filename"),
  ];
  const sha256 = field("sha256");
  const size = Number(field("size") || Number.NaN);
  if (
    !NAME.test(name) ||
    !VERSION.test(version) ||
    !DIGEST.test(sha256) ||
    !Number.isSafeInteger(size) ||
    !isBelow(path)
  ) {
    throw archiveWrong(
      from,
      `lists ${JSON.stringify(name)} with a version, path, size or SHA-256 that cannot be used`,
    );
  }
  const relations = (...names: readonly string[]): Groups =>
    names.flatMap((each) => parseRelations(field(each)));
  try {
    return {
      name,
      version,
      provides: relations("provides").flat(),
      depends: relations("pre-depends", "depends"),
      excludes: relations("conflicts", "breaks").flat(),
      path,
      size,
      sha256,
      fields: Object.fromEntries(
        FIELDS.flatMap((each) => {
          const value = field(each.toLowerCase());
          return value === "" ? [] : [[each, value.replaceAll(/\s+/g, " ")]];
        }),
      ),
      archive,
    };
  } catch (error) {
    throw ifOneOf(
      error,
      [SyntaxError],
      archiveWrong(from, `lists ${name} with a relation`, error),
    );
  }
};

/** Packages of another architecture than `arch` and "all" are left out. Throws ARCHIVE_WRONG. */
export const parsePackageList = (
  text: string,
  {
    arch,
    archive,
    from,
  }: { readonly arch: string; readonly archive: string; readonly from: string },
): readonly DebPackage[] =>
  parseStanzas(text)
    .filter((stanza) =>
      [arch, "all"].includes(stanza.get("architecture") ?? ""),
    )
    .map((stanza) => toPackage(stanza, archive, from));

/** As apt chooses without pins: the highest version, and of equal ones the first. */
export const newestOfEach = (
  lists: readonly (readonly DebPackage[])[],
): PackageList => {
  const newest = new Map<string, DebPackage>();
  for (const each of lists.flat()) {
    const known = newest.get(each.name);
    if (
      known === undefined ||
      compareDebVersions(each.version, known.version) > 0
    ) {
      newest.set(each.name, each);
    }
  }
  return newest;
};
