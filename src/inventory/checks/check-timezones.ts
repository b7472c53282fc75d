// Time zones that have the right form but do not exist.
import { ifOneOf } from "../../report/expected-failure.ts";
import type { DraftCheck } from "../draft.ts";
import { nodesOf } from "../settings.ts";
import { closest, quoted } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

const known: readonly string[] = Intl.supportedValuesOf("timeZone");

/** The name in the spelling of the time zone database; undefined for one that Node does not know. */
const spelling = (name: string): string | undefined => {
  const same = known.find((zone) => zone.toLowerCase() === name.toLowerCase());
  if (same !== undefined) {
    return same;
  }
  try {
    // Old names and links (UTC, Europe/Kyiv) are not in the list, but are known all the same.
    new Intl.DateTimeFormat("en", { timeZone: name }).format(0);
    return name;
  } catch (error) {
    return ifOneOf(error, [RangeError], undefined);
  }
};

// Only a warning: the zone may be newer than the data of this Node.js, and a node that does not know it runs in UTC.
export const checkTimezones: DraftCheck = (draft) =>
  [
    { path: ["defaults"] as Path, timezone: draft.content.defaults?.timezone },
    ...nodesOf(draft).map(({ index, node }) => ({
      path: ["nodes", index] as Path,
      timezone: node.timezone,
    })),
  ].flatMap(({ path, timezone }) => {
    if (timezone === undefined || spelling(timezone) === timezone) {
      return [];
    }
    const meant = spelling(timezone) ?? closest(timezone, known);
    return [
      {
        code: "TIMEZONE_UNKNOWN",
        severity: "warning",
        message: `pi-image does not know the time zone ${quoted(timezone)}`,
        at: draft.at([...path, "timezone"]),
        label: meant === undefined ? undefined : `did you mean ${meant}?`,
        hint: "a node without that time zone runs in UTC",
      } as const,
    ];
  });
