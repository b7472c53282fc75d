// What config.txt gets for a board and its switches, and the user's own lines in the same form.
import type { ConfigSection } from "../../firmware/config-lines.ts";
import { type Board, BOARD_FACTS } from "./boards.ts";
import { sectionsOf } from "../rules/board-rules.ts";
import { type Hardware, hardwareLines } from "./hardware.ts";
import { STORAGE_FACTS, type Storage } from "./storage.ts";

/**
 * HAT+ boards switch the connector on by themselves; for others dtparam=pciex1 is needed. On the Compute Module 4 it is
 * always on. Where the boot loader has to know the kind of adapter, a card that moves its system to the disk leaves the line
 * out: whether the disk answers without it shows which kind it is (cloud-init/files/usr/local/lib/pi-image/adapter.sh).
 * https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#enable-pcie
 */
const switchesPcie = ({
  board,
  storage,
}: {
  readonly board: Board;
  readonly storage: Storage;
}): boolean => {
  const { way, disk } = STORAGE_FACTS[storage];
  const { filters, probesPcie } = BOARD_FACTS[board];
  return (
    filters[0] === "pi5" && disk === "nvme" && !(way === "copied" && probesPcie)
  );
};

/**
 * Settings that differ between families of boards go under the family's filter, so that a card in the wrong board sets
 * nothing that this board would take for something else.
 */
export const boardConfig = (node: {
  readonly board: Board;
  readonly storage: Storage;
  readonly hardware: Hardware;
}): readonly ConfigSection[] => {
  const { hardware } = node;
  const facts = BOARD_FACTS[node.board];
  const [family = "all"] = facts.filters;
  return [
    { section: "all", lines: hardwareLines(hardware, facts, false) },
    {
      section: family,
      lines: [
        ...(switchesPcie(node) ? ["dtparam=pciex1"] : []),
        ...hardwareLines(hardware, facts, true),
      ],
    },
  ];
};

/** Lines that the node itself may add at first boot; the user's own lines must not contradict them. */
export const laterConfig = ({
  board,
  storage,
  pcieGen,
}: {
  readonly board: Board;
  readonly storage: Storage;
  readonly pcieGen: number;
}): readonly string[] => [
  ...(BOARD_FACTS[board].filters[0] === "pi5" &&
  STORAGE_FACTS[storage].disk === "nvme"
    ? ["dtparam=pciex1"]
    : []),
  ...(pcieGen === 3 ? ["dtparam=pciex1_gen=3"] : []),
];

/** The user's lines, split into sections at the filters among them; comments are left out. */
export const splitSections = (
  lines: readonly string[],
): readonly ConfigSection[] => {
  const holding = sectionsOf(lines);
  const sections: { section: string; lines: string[] }[] = [];
  for (const [index, line] of lines.entries()) {
    const section = holding[index];
    const last = sections.at(-1);
    if (section !== undefined && last?.section === section) {
      last.lines.push(line);
    } else if (section !== undefined) {
      sections.push({ section, lines: [line] });
    }
  }
  return sections;
};
