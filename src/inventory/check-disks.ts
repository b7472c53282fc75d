// Settings of a disk at nodes whose storage does not use them.
import type { Problem } from "../report/problem.ts";
import type { Check } from "./draft.ts";
import { nodesOf, settingOf, titleOf } from "./settings.ts";
import { STORAGE_FACTS, STORAGES } from "./storage.ts";
import { listed } from "./wording.ts";

const USED_WITH = { dataMount: "data", keepCard: "copied" } as const;
const KEYS = ["dataMount", "keepCard"] as const;

/** Only what a node says itself: in `defaults` the setting is for those nodes that can use it. */
export const checkDisks: Check = (draft) =>
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
