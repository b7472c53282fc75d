// Refuses an image that holds a secret, before anything of it is written.
import type { Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { Source } from "../image/source.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import type { KnownSecret } from "./find-secrets.ts";
import { scanImage } from "./scan-image.ts";
import { scanTexts } from "./scan-texts.ts";

type Scan = {
  /** The name of the image. */
  readonly name: string;
  /** The files that pi-image puts onto the boot partition, by name. */
  readonly texts: ReadonlyMap<string, string>;
  /**
   * Everything that the image's file systems use; undefined where the base is published by its makers, so that nothing in it
   * is secret.
   */
  readonly image:
    | {
        readonly source: Source;
        readonly patch: Patch;
        readonly ranges: readonly Range[];
        readonly subject: string;
        readonly report: Report;
        readonly signal: AbortSignal;
      }
    | undefined;
  readonly known: readonly KnownSecret[];
  readonly notSecret: ReadonlySet<string>;
};

const MOST_SHOWN = 12;

/** Throws RELEASE_HOLDS_SECRET with the kind and the place of each secret, but never with any part of it. */
export const demandNoSecrets = async ({
  name,
  texts,
  image,
  known,
  notSecret,
}: Scan): Promise<void> => {
  const findings = [
    ...scanTexts(texts, known),
    ...(image === undefined ? [] : await scanImage({ ...image, known })),
  ].filter(({ place }) => !notSecret.has(place));
  const [first] = findings;
  if (first === undefined) {
    return;
  }
  const more = findings.length - MOST_SHOWN;
  throw new UserError(
    "RELEASE_HOLDS_SECRET",
    `${name} holds what looks like ${findings.length === 1 ? "a secret" : `${findings.length} secrets`}`,
    {
      facts: [
        ...findings
          .slice(0, MOST_SHOWN)
          .map(({ kind, place }) => `${place}: ${kind}`),
        ...(more > 0 ? [`and ${more} more`] : []),
      ],
      state: "nothing was written",
      hint: `take it out of the base or the fragment; if it is not a secret, such as the key of a test, add --not-secret ${first.place}`,
    },
  );
};
