// Finds secrets in bytes: any by their form, and this project's own by their value.
import { LONGEST_MATCH, SECRET_RULES } from "./secret-rules.ts";

/** A secret that this computer knows. */
export type KnownSecret = {
  /** Such as "the private key of worker2's host key". */
  readonly kind: string;
  /** Texts, each of which would reveal the secret. */
  readonly texts: readonly string[];
  /**
   * Whether it is long and random, and so can be looked for everywhere; a passphrase may also be an ordinary word in the
   * base.
   */
  readonly random: boolean;
};

export type Match = {
  readonly kind: string;
  /** The offset of its first byte. */
  readonly offset: number;
};

/** How many bytes two pieces must share so that no match is cut in two. */
export const OVERLAP = LONGEST_MATCH;

const byRule = (bytes: Buffer): Match[] => {
  let text: string | undefined;
  return SECRET_RULES.flatMap(({ kind, anchors, pattern, confirm }) => {
    if (!anchors.some((anchor) => bytes.includes(anchor, 0, "latin1"))) {
      return [];
    }
    // One character per byte, so that an index is an offset.
    text ??= bytes.toString("latin1");
    return [...text.matchAll(pattern)]
      .filter(([match]) => confirm?.(match) ?? true)
      .map(({ index }) => ({ kind, offset: index }));
  });
};

/** All places, because accepting one of them says nothing about the next. */
const placesIn = (bytes: Buffer, text: string): number[] => {
  const places: number[] = [];
  const length = Buffer.byteLength(text);
  for (
    let at = bytes.indexOf(text, 0, "utf8");
    at >= 0 && length > 0;
    at = bytes.indexOf(text, at + length, "utf8")
  ) {
    places.push(at);
  }
  return places;
};

const byValue = (bytes: Buffer, known: readonly KnownSecret[]): Match[] =>
  known.flatMap(({ kind, texts }) =>
    texts.flatMap((text) =>
      placesIn(bytes, text).map((offset) => ({ kind, offset })),
    ),
  );

/** Matches in the order of their places, one for each place. */
export const findSecrets = (
  bytes: Buffer,
  known: readonly KnownSecret[],
): readonly Match[] => {
  const matches = new Map<number, Match>();
  for (const match of [...byValue(bytes, known), ...byRule(bytes)]) {
    matches.set(match.offset, matches.get(match.offset) ?? match);
  }
  return [...matches.values()].toSorted((a, b) => a.offset - b.offset);
};
