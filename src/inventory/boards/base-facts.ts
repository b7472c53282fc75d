// What the name of a base image alone tells: which boards and nodes it is not suitable for.
import type { Problem } from "../../report/problem.ts";
import { type Board, BOARD_FACTS } from "./boards.ts";
import type { ResolvedCluster, ResolvedNode } from "../resolved.ts";
import {
  baseName,
  type BaseRefusal,
  type BaseUse,
  systemFacts,
} from "./systems.ts";

/**
 * The Ubuntu release in a base's name, such as "24.04"; undefined where the name does not say Ubuntu, although it may be
 * one.
 */
export const ubuntuRelease = (base: string): string | undefined =>
  /^ubuntu-(\d{2}\.\d{2})/.exec(baseName(base))?.[1];

/** Why a board does not boot a base; undefined where it does, judging by the name. */
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

/** Why no card made from a base can carry a bundle; undefined where one can, judging by the name. */
const refuseBundle = (base: string): BaseRefusal | undefined => {
  const why =
    ubuntuRelease(base) === "22.04"
      ? // https://bugs.launchpad.net/bugs/1947628
        "made from Ubuntu 22.04, whose pod networks need kernel modules of the running kernel (linux-modules-extra-raspi), and a bundle has none"
      : systemFacts(base).withoutBundle;
  return why === undefined
    ? undefined
    : {
        code: "BUNDLE_UNSUPPORTED",
        why,
        hint: "use ubuntu-24.04 or newer for this node, or remove `offline` and `bundle` from the cluster",
      };
};

/** Why a base is not suitable for this board and use; undefined where it is, judging by the name. */
export const refuseBase = (
  base: string,
  board: Board,
  use: BaseUse,
): BaseRefusal | undefined =>
  refuseBoard(board, base) ??
  systemFacts(base).refuse(use) ??
  (use.bundle ? refuseBundle(base) : undefined);

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

const UPDATE_EEPROM =
  "boot the board once with Raspberry Pi OS and run `sudo rpi-eeprom-update -a`, or use ubuntu-24.04, which boots with any";

/**
 * Why a node's EEPROM may not boot a base; only a warning where the inventory does not give the EEPROM's date.
 *
 * @param title the node, for messages
 * @param date as written in the inventory, such as 2025-02-11
 */
export const judgeEeprom = (
  title: string,
  board: Board,
  base: string,
  date: string | undefined,
): Problem | undefined => {
  const oldest = oldestEeprom(board, base);
  if (oldest === undefined || (date !== undefined && date >= oldest)) {
    return undefined;
  }
  const kind = BOARD_FACTS[board].title;
  return date === undefined
    ? {
        code: "EEPROM_UNKNOWN",
        severity: "warning",
        message: `a ${kind} boots ${base} only with an EEPROM of ${oldest} or later, and the inventory does not say which ${title} has`,
        hint: `\`rpi-eeprom-update\` on the board shows its date: write it at the node as eepromDate: ${oldest}; to update it, ${UPDATE_EEPROM}`,
      }
    : {
        code: "EEPROM_TOO_OLD",
        severity: "error",
        message: `${title} has an EEPROM of ${date}, and a ${kind} boots ${base} only with one of ${oldest} or later`,
        hint: UPDATE_EEPROM,
      };
};

/** One warning about a kind of board is enough, however many nodes there are. */
export const onceForEachBoard = (
  problems: readonly Problem[],
): readonly Problem[] => {
  const told = new Set<string>();
  return problems.filter(({ code, hint = "" }) => {
    const again = code === "EEPROM_UNKNOWN" && told.has(hint);
    told.add(hint);
    return !again;
  });
};

/** The nodes with their base replaced by the one from the command line, and a problem for each node that it cannot serve. */
export const withBase = (
  nodes: readonly ResolvedNode[],
  base: string | undefined,
  {
    runtime,
    kubernetes,
    bundle,
  }: Pick<ResolvedCluster, "runtime" | "kubernetes" | "bundle">,
): {
  readonly nodes: readonly ResolvedNode[];
  readonly problems: readonly Problem[];
} => {
  if (base === undefined) {
    return { nodes, problems: [] };
  }
  const problems = nodes.flatMap((node): (Problem | undefined)[] => {
    const { name, board, storage, role, eepromDate } = node;
    const { minor } = kubernetes;
    const refusal = refuseBase(base, board, {
      storage,
      role,
      runtime,
      minor,
      bundle,
    });
    return [
      refusal && {
        code: refusal.code ?? "BASE_TOO_OLD",
        severity: "error",
        message: `${name} is ${refusal.why}`,
        hint: refusal.hint,
      },
      judgeEeprom(name, board, base, eepromDate),
    ];
  });
  return {
    nodes: nodes.map((node) => ({ ...node, base })),
    problems: onceForEachBoard(
      problems.filter((problem) => problem !== undefined),
    ),
  };
};
