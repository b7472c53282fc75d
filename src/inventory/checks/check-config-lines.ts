// The user's own lines for config.txt against those that the node's other settings make.
import { type ConfigSetting, settingsOf } from "../../firmware/config-lines.ts";
import type { Problem } from "../../report/problem.ts";
import { boardConfig, laterConfig } from "../boards/board-config.ts";
import { sectionsOf } from "../rules/board-rules.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { completeHardware } from "../boards/hardware.ts";
import {
  hardwareOf,
  nodesOf,
  settingPlace,
  settingOf,
  titleOf,
} from "../settings.ts";

/** The lines that the other settings make; settings that are wrong in themselves are left out. */
const ours = (draft: Draft, index: number): readonly ConfigSetting[] => {
  const board = settingOf(draft, index, "board")?.value;
  const storage = settingOf(draft, index, "storage")?.value;
  const hardware = hardwareOf(draft, index);
  const pcieGen = settingOf(draft, index, "pcieGen")?.value ?? 2;
  if (board === undefined || storage === undefined) {
    return [];
  }
  const steps = (list: readonly (number | undefined)[] | undefined) =>
    list?.filter((step) => step !== undefined);
  const written = boardConfig({
    board,
    storage,
    hardware: completeHardware({
      ...hardware,
      fan: steps(hardware?.fan),
      poeFan: steps(hardware?.poeFan),
    }),
  }).flatMap(({ lines }) => lines);
  return [...written, ...laterConfig({ board, storage, pcieGen })].flatMap(
    settingsOf,
  );
};

const conflicts = (draft: Draft, index: number): readonly Problem[] => {
  const node = draft.content.nodes?.[index];
  const board = settingOf(draft, index, "board")?.value;
  const config = settingOf(draft, index, "config");
  if (config?.value === undefined || board === undefined || !node) {
    return [];
  }
  const made = new Map(
    ours(draft, index).map((setting) => [setting.identity, setting]),
  );
  const holding = ["all", ...BOARD_FACTS[board].filters];
  const filters = sectionsOf(config.value);
  return config.value.flatMap((line, number): readonly Problem[] => {
    if (line === undefined || !holding.includes(filters[number] ?? "")) {
      return [];
    }
    const clash = settingsOf(line).flatMap(({ identity, value }) => {
      const other = made.get(identity);
      return other === undefined || other.value === value ? [] : [other];
    })[0];
    return clash === undefined
      ? []
      : [
          {
            code: "CONFIG_CONFLICT",
            severity: "error",
            message: `${titleOf({ index, node })} gets ${clash.line} from its other settings, and this line sets the same differently`,
            ...settingPlace(
              draft,
              { index, node },
              config.path[0] === "defaults"
                ? { value: line, path: config.path }
                : { value: line, path: [...config.path, number] },
            ),
            hint: "remove the line, or change the setting that makes the other",
          },
        ];
  });
};

export const checkConfigLines: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index }) => conflicts(draft, index));
