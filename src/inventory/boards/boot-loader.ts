// What a node needs of its board's boot loader: how old it may be, and which media it must try.
import type { BootWish } from "../../firmware/boot-order.ts";
import { oldestEeprom } from "./base-facts.ts";
import { BOARD_FACTS } from "./boards.ts";
import type { ResolvedNode } from "../resolved.ts";
import { STORAGE_FACTS } from "./storage.ts";

/** The oldest boot loader that starts the base, in seconds since 1970; undefined where any does or the board has none. */
export const oldestBootLoader = ({
  base,
  board,
}: Pick<ResolvedNode, "base" | "board">): number | undefined => {
  const oldest = oldestEeprom(board, base);
  return oldest === undefined
    ? undefined
    : Date.parse(`${oldest}T00:00:00Z`) / 1000;
};

/**
 * The media order that the node needs: if the card becomes unbootable, it is enough that the disk comes after it; if the
 * card is kept, the disk must come first. Undefined where the board boots what was flashed.
 */
export const bootWish = ({
  board,
  storage,
  keepCard,
}: Pick<ResolvedNode, "board" | "storage" | "keepCard">):
  BootWish | undefined => {
  const { way, disk } = STORAGE_FACTS[storage];
  return way !== "copied" || disk === undefined
    ? undefined
    : {
        disk,
        first: keepCard,
        probe: disk === "nvme" && BOARD_FACTS[board].probesPcie,
      };
};
