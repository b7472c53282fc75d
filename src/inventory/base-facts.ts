// What is known of a base image by its name alone: the system in it, and what it cannot serve.
import type { Problem } from "../report/problem.ts";
import { BOARD_FACTS } from "./boards.ts";
import type { Board, ResolvedNode } from "./resolved.ts";

/** The name from the catalogue, or the vendor's file name at the end of a path or URL. */
const nameOf = (base: string): string => base.split("/").at(-1) ?? "";

/** Such as "24.04"; undefined for what does not call itself Ubuntu, and that may be Ubuntu all the same. */
export const ubuntuRelease = (base: string): string | undefined =>
  /^ubuntu-(\d{2}\.\d{2})/.exec(nameOf(base))?.[1];

export type BaseRefusal = { readonly why: string; readonly hint: string };

/** Why a board does not boot from a base; undefined where it does, as far as names tell. */
export const refuseBoard = (
  board: Board,
  base: string,
): BaseRefusal | undefined =>
  ubuntuRelease(base) === "22.04" && !BOARD_FACTS[board].ubuntu2204
    ? {
        why: `a ${BOARD_FACTS[board].title}, and Ubuntu 22.04 does not boot on it`,
        hint: "use ubuntu-24.04 or newer for this node",
      }
    : undefined;

/** The first release whose boot partition has two generations, which older EEPROMs cannot boot. */
const FIRST_WITH_GENERATIONS = "25.10";

/** The oldest EEPROM that boots the base on this board, as a date; undefined where any does. */
export const oldestEeprom = (
  board: Board,
  base: string,
): string | undefined => {
  const release = ubuntuRelease(base);
  return release !== undefined && release >= FIRST_WITH_GENERATIONS
    ? BOARD_FACTS[board].eepromForGenerations
    : undefined;
};

/** The nodes with the base that the command line names in place of theirs, and those that cannot boot from it. */
export const withBase = (
  nodes: readonly ResolvedNode[],
  base: string | undefined,
): {
  readonly nodes: readonly ResolvedNode[];
  readonly problems: readonly Problem[];
} => {
  if (base === undefined) {
    return { nodes, problems: [] };
  }
  const problems = nodes.flatMap(({ name, board }): Problem[] => {
    const refusal = refuseBoard(board, base);
    return refusal === undefined
      ? []
      : [
          {
            code: "BASE_TOO_OLD",
            severity: "error",
            message: `${name} is ${refusal.why}`,
            hint: refusal.hint,
          },
        ];
  });
  return { nodes: nodes.map((node) => ({ ...node, base })), problems };
};
