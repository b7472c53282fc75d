// Switches of a board against what the board has.
import type { Problem } from "../../report/problem.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import { SWITCH_NAMES, SWITCHES } from "../boards/hardware.ts";
import type { DraftCheck, Draft, DraftNode } from "../draft.ts";
import { nodesOf, type NumberedNode, settingOf, titleOf } from "../settings.ts";
import { listed } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

type Written = NonNullable<DraftNode["hardware"]>;

const unsupported = (
  draft: Draft,
  numbered: NumberedNode,
  path: Path,
  what: string,
): Problem => ({
  code: "HARDWARE_UNSUPPORTED",
  severity: "error",
  message: `${titleOf(numbered)} ${what}`,
  at: draft.keyAt(path),
  hint: `remove \`${String(path.at(-1))}\`, or set the node's board`,
});

/**
 * Degrees of the steps that nobody sets.
 * https://github.com/raspberrypi/firmware/blob/master/boot/overlays/README (fan_temp0 to 3 of the Pi 5, poe_fan_temp0 to 3)
 */
const USUAL_STEPS = {
  fan: [50, 60, 67.5, 75],
  poeFan: [40, 45, 50, 55],
} as const;

const fans = (
  draft: Draft,
  numbered: NumberedNode,
  path: Path,
  hardware: Written,
): readonly Problem[] =>
  (["fan", "poeFan"] as const).flatMap((key) => {
    const written = hardware[key] ?? [];
    const rest = USUAL_STEPS[key].slice(written.length);
    const steps = [...written, ...rest];
    return written.length === 0 ||
      steps.every(
        (step, index) =>
          step === undefined || index === 0 || step > (steps[index - 1] ?? 0),
      )
      ? []
      : [
          {
            code: "FAN_STEPS_UNORDERED" as const,
            severity: "error" as const,
            message:
              rest.length === 0
                ? `the steps of \`${key}\` do not rise, so that the fan of ${titleOf(numbered)} would skip one`
                : `the steps of \`${key}\` do not rise: those that are not given stay at ${listed(rest.map(String))} degrees`,
            at: draft.at([...path, key]),
            hint: "write each temperature higher than the one before, for example [50, 60, 67.5, 75]",
          },
        ];
  });

/** A switch in `defaults` is meant for the boards that have it, so only a node's own mapping is checked against its board. */
const ownSwitches = (
  draft: Draft,
  numbered: NumberedNode,
  path: Path,
  hardware: Written,
): readonly Problem[] => {
  const board = settingOf(draft, numbered.index, "board")?.value;
  if (board === undefined) {
    return [];
  }
  const facts = BOARD_FACTS[board];
  return SWITCH_NAMES.flatMap((key) => {
    const what = SWITCHES[key].lacks(facts);
    return what !== undefined && hardware[key]
      ? [
          unsupported(
            draft,
            numbered,
            [...path, key],
            `is a ${facts.title}, which has ${what}`,
          ),
        ]
      : [];
  });
};

export const checkHardware: DraftCheck = (draft) => [
  ...nodesOf(draft).flatMap((numbered) => {
    const { hardware } = numbered.node;
    const path = ["nodes", numbered.index, "hardware"];
    return hardware === undefined
      ? []
      : [
          ...fans(draft, numbered, path, hardware),
          ...ownSwitches(draft, numbered, path, hardware),
        ];
  }),
  ...(draft.content.defaults?.hardware === undefined
    ? []
    : fans(
        draft,
        { index: 0, node: { name: "every node" } },
        ["defaults", "hardware"],
        draft.content.defaults.hardware,
      )),
];
