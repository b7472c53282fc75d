// What config.txt gets for a board and its switches, and the user's own lines in the same form.
import type { ConfigSection } from "../firmware/config-lines.ts";
import { BOARD_FACTS } from "./boards.ts";
import { filterOf } from "./board-rules.ts";
import type { FanSteps, Hardware } from "./hardware.ts";
import type { Board } from "./resolved.ts";
import { STORAGE_FACTS, type Storage } from "./storage.ts";

/** The firmware counts thousandths of a degree: https://github.com/raspberrypi/firmware/blob/master/boot/overlays/README */
const fanLines = (parameter: string, steps: FanSteps): readonly string[] =>
  (steps ?? []).map(
    (degrees, step) =>
      `dtparam=${parameter}${step}=${Math.round(degrees * 1000)}`,
  );

const switchLines = ({
  wifi,
  bluetooth,
  watchdog,
}: Hardware): readonly string[] => [
  // The firmware's overlay map takes the Pi 5's own overlays for these names.
  ...(wifi ? [] : ["dtoverlay=disable-wifi"]),
  ...(bluetooth ? [] : ["dtoverlay=disable-bt"]),
  ...(watchdog ? ["dtparam=watchdog=on"] : []),
];

/**
 * The settings that differ between families of boards stand under the family's filter: a card in the wrong board then sets
 * nothing that this board takes for something else.
 */
export const boardConfig = (node: {
  readonly board: Board;
  readonly storage: Storage;
  readonly hardware: Hardware;
}): readonly ConfigSection[] => {
  const { hardware } = node;
  const facts = BOARD_FACTS[node.board];
  const [family = "all"] = facts.filters;
  const pi5 = family === "pi5";
  return [
    { section: "all", lines: switchLines(hardware) },
    {
      section: family,
      lines: [
        // HAT+ boards switch the connector on by themselves; for others this line is needed. On the Compute Module 4 it
        // is always on. https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#enable-pcie
        ...(pi5 && STORAGE_FACTS[node.storage].disk === "nvme"
          ? ["dtparam=pciex1"]
          : []),
        ...(pi5 && hardware.usbMaxCurrent ? ["usb_max_current_enable=1"] : []),
        ...(facts.fan ? fanLines("fan_temp", hardware.fan) : []),
        ...(facts.poeHat ? fanLines("poe_fan_temp", hardware.poeFan) : []),
      ],
    },
  ];
};

/** The user's lines under the filters that stand among them. */
export const splitSections = (
  lines: readonly string[],
): readonly ConfigSection[] => {
  const sections: { section: string; lines: string[] }[] = [
    { section: "all", lines: [] },
  ];
  for (const line of lines) {
    const filter = filterOf(line);
    if (filter === undefined) {
      sections.at(-1)?.lines.push(line);
    } else {
      sections.push({ section: filter, lines: [] });
    }
  }
  return sections;
};
