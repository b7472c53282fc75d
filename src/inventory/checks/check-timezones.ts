// Time zones and locales that have the right form, and that a node does not have.
import type { ProblemCode } from "../../report/problem-codes.ts";
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { LOCALES } from "../rules/locales.ts";
import { currentZone, TIME_ZONES } from "../rules/time-zones.ts";
import { nodesOf } from "../settings.ts";
import { closest, quoted } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

type Unknown = {
  readonly code: ProblemCode;
  readonly message: string;
  readonly label: string | undefined;
  readonly hint: string;
};

const zoneMistake = (zone: string): Unknown | undefined => {
  const now = currentZone(zone);
  if (now === zone) {
    return undefined;
  }
  const place = zone.split("/").at(-1) ?? "";
  const meant =
    now ??
    closest(zone, TIME_ZONES) ??
    // Madrid, or Spain/Madrid.
    TIME_ZONES.find(
      (name) =>
        name.split("/").at(-1)?.toLowerCase() ===
        place.toLowerCase().replaceAll(" ", "_"),
    );
  return {
    code: "TIMEZONE_UNKNOWN",
    message:
      now === undefined
        ? `pi-image does not know the time zone ${quoted(zone)}`
        : `${quoted(zone)} is not the current name of the time zone, and newer systems have no other`,
    label: meant === undefined ? undefined : `did you mean ${meant}?`,
    hint: "a node without that time zone runs in UTC",
  };
};

/** The forms that glibc gives no encoding are older than UTF-8; cloud-init and locale-gen want the encoding as it is written here. */
const localeMistake = (locale: string): Unknown | undefined => {
  const [, name = "", encoding, modifier = ""] =
    /^([^.@]+)(?:\.([^@]+))?(@.+)?$/.exec(locale) ?? [];
  const known = LOCALES.includes(name + modifier);
  if (["C", "POSIX"].includes(locale) || (known && encoding === "UTF-8")) {
    return undefined;
  }
  const near = known
    ? name
    : LOCALES.includes(name)
      ? name
      : closest(name, LOCALES);
  return {
    code: "LOCALE_UNKNOWN",
    message: `${quoted(locale)} is not a locale in UTF-8 that a node can make`,
    label:
      near === undefined
        ? undefined
        : `did you mean ${near}.UTF-8${known ? modifier : ""}?`,
    hint: "a node without that locale speaks English (C.UTF-8)",
  };
};

const found = (
  draft: Draft,
  key: "timezone" | "locale",
  mistake: (value: string) => Unknown | undefined,
): readonly Problem[] =>
  [
    { path: ["defaults"] as Path, settings: draft.content.defaults },
    ...nodesOf(draft).map(({ index, node }) => ({
      path: ["nodes", index] as Path,
      settings: node,
    })),
  ].flatMap(({ path, settings }): readonly Problem[] => {
    const value = settings?.[key];
    const wrong = value === undefined ? undefined : mistake(value);
    return wrong === undefined
      ? []
      : [{ ...wrong, severity: "warning", at: draft.at([...path, key]) }];
  });

// Only warnings: a zone or a locale may be newer than the lists here.
export const checkTimezones: DraftCheck = (draft) => [
  ...found(draft, "timezone", zoneMistake),
  ...found(draft, "locale", localeMistake),
];
