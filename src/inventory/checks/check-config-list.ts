// The user's own lines for config.txt against each other.
import {
  isOverlay,
  isScope,
  type ConfigSetting,
  settingsOf,
} from "../../firmware/config-lines.ts";
import type { Problem } from "../../report/problem.ts";
import { filterOf, sectionsOf } from "../rules/board-rules.ts";
import type { DraftCheck, Draft, DraftNode } from "../draft.ts";
import { nodesOf } from "../settings.ts";
import { quoted } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

type Placed = ConfigSetting & {
  readonly filter: string;
  /** Its index in the list. */
  readonly number: number;
};

/** What each line sets under its filter; parameters after an overlay belong to that overlay and are left out. */
const placed = (list: NonNullable<DraftNode["config"]>): readonly Placed[] => {
  const filters = sectionsOf(list);
  let overlay = false;
  return list.flatMap((line, number) => {
    const filter = filters[number];
    if (line === undefined || filter === undefined) {
      overlay &&= line !== undefined && filterOf(line) === undefined;
      return [];
    }
    overlay = isScope(line) ? isOverlay(line) : overlay;
    return overlay && line.startsWith("dtparam=")
      ? []
      : settingsOf(line).map((setting) => ({ ...setting, filter, number }));
  });
};

/**
 * Two values for one setting clash under the same filter, and also where the later line is for all boards and the earlier
 * one for some: the firmware would take the last line, but here lines for all boards are moved to the front.
 */
const clashes = (earlier: Placed, later: Placed): boolean =>
  earlier.number < later.number &&
  earlier.identity === later.identity &&
  earlier.value !== later.value &&
  (earlier.filter === later.filter || later.filter === "all");

const contradictions = (
  draft: Draft,
  list: DraftNode["config"],
  path: Path,
): readonly Problem[] => {
  const settings = placed(list ?? []);
  return settings.flatMap((setting): readonly Problem[] => {
    const earlier = settings.find((other) => clashes(other, setting));
    return earlier === undefined
      ? []
      : [
          {
            code: "CONFIG_CONFLICT",
            severity: "error",
            message: `${quoted(setting.line)} sets what ${quoted(earlier.line)} before it sets differently`,
            at: draft.at([...path, setting.number]),
            hint: "remove one of the two lines",
          },
        ];
  });
};

export const checkConfigList: DraftCheck = (draft) => [
  ...contradictions(draft, draft.content.defaults?.config, [
    "defaults",
    "config",
  ]),
  ...nodesOf(draft).flatMap(({ index, node }) =>
    contradictions(draft, node.config, ["nodes", index, "config"]),
  ),
];
