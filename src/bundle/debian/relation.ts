// Relations between Debian packages: "a (>= 1.2) | b, c". https://www.debian.org/doc/debian-policy/ch-relationships.html
import { compareDebVersions } from "./deb-version.ts";

export type Relation = {
  readonly name: string;
  /** Such as [">=", "1.2"]; undefined where any version will do. */
  readonly bound: readonly [string, string] | undefined;
};

/** A package that is there or may come. */
export type Offer = {
  readonly name: string;
  readonly version: string;
  readonly provides: readonly Relation[];
};

const ONE =
  /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?(?:\s*\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?$/;

/** Throws a SyntaxError for what is none. */
const parseOne = (text: string): Relation => {
  const [, name, operator, version] = ONE.exec(text.trim()) ?? [];
  if (name === undefined) {
    throw new SyntaxError(`${JSON.stringify(text.trim())} is not a relation`);
  }
  return {
    name,
    bound:
      operator === undefined || version === undefined
        ? undefined
        : [operator, version],
  };
};

/** All of the outer list are needed, and one of each inner list. Throws a SyntaxError. */
export const parseRelations = (
  text: string,
): readonly (readonly Relation[])[] =>
  text.trim() === ""
    ? []
    : text
        .split(",")
        .filter((group) => group.trim() !== "")
        .map((group) => group.split("|").map(parseOne));

const meets = (
  version: string,
  [operator, than]: readonly [string, string],
) => {
  const order = compareDebVersions(version, than);
  switch (operator) {
    case "<<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
      return order >= 0;
    default:
      return order > 0;
  }
};

/** A name that a package provides without a version does not meet a relation that asks for one. */
export const isMetBy = ({ name, bound }: Relation, offer: Offer): boolean =>
  (offer.name === name &&
    (bound === undefined || meets(offer.version, bound))) ||
  offer.provides.some(
    (provided) =>
      provided.name === name &&
      (bound === undefined ||
        (provided.bound !== undefined && meets(provided.bound[1], bound))),
  );

export const relationWords = ({ name, bound }: Relation): string =>
  bound === undefined ? name : `${name} (${bound.join(" ")})`;
