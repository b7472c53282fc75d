// Settings of a disk at nodes whose storage or board does not use them.
import { BOARD_FACTS } from "../boards/boards.ts";
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck } from "../draft.ts";
import { nodesOf, settingPlace, settingOf, titleOf } from "../settings.ts";
import { STORAGE_FACTS, STORAGES } from "../boards/storage.ts";
import { listed } from "../wording.ts";

const USED_WITH = { dataMount: "data", keepCard: "copied" } as const;
const KEYS = ["dataMount", "keepCard"] as const;

/**
 * The ROM of the 3B+ tries the card before everything else, and no setting changes that: a kept card would boot for ever.
 * https://github.com/raspberrypi/documentation/blob/master/documentation/asciidoc/computers/raspberry-pi/bootflow-legacy.adoc
 */
const checkKeptCards: DraftCheck = (draft) =>
  nodesOf(draft).flatMap((numbered): readonly Problem[] => {
    const { index } = numbered;
    const keepCard = settingOf(draft, index, "keepCard");
    const board = settingOf(draft, index, "board")?.value;
    const storage = settingOf(draft, index, "storage")?.value;
    return keepCard?.value !== true ||
      board === undefined ||
      storage === undefined ||
      STORAGE_FACTS[storage].way !== "copied" ||
      BOARD_FACTS[board].bootLoader !== undefined
      ? []
      : [
          {
            code: "KEEP_CARD_UNSUPPORTED",
            severity: "error",
            message: `${titleOf(numbered)} is a ${BOARD_FACTS[board].title}, which always starts from a card that can boot, and so never from its disk`,
            ...settingPlace(draft, numbered, keepCard),
            hint: "set keepCard: false at the node; the card can be flashed again when it is needed",
          },
        ];
  });

/** Checks only what a node sets itself: a setting in `defaults` is meant for the nodes that can use it. */
const checkUnused: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }) =>
    KEYS.flatMap((key): readonly Problem[] => {
      const storage = settingOf(draft, index, "storage")?.value;
      const way = USED_WITH[key];
      if (
        storage === undefined ||
        node[key] === undefined ||
        STORAGE_FACTS[storage].way === way
      ) {
        return [];
      }
      const right = STORAGES.filter((name) => STORAGE_FACTS[name].way === way);
      return [
        {
          code: "STORAGE_SETTING_UNUSED",
          severity: "warning",
          message: `\`${key}\` has no effect, because ${titleOf({ index, node })} has storage: ${storage}`,
          at: draft.keyAt(["nodes", index, key]),
          hint: `it belongs to ${listed(right)}`,
        },
      ];
    }),
  );

export const checkDisks: DraftCheck = (draft) => [
  ...checkUnused(draft),
  ...checkKeptCards(draft),
];
