// Storage, PCIe speed, base image and role against what each node's board can do.
import type { Problem } from "../report/problem.ts";
import { BOARD_FACTS, CONTROL_PLANE_MEMORY } from "./boards.ts";
import type { Check, Draft, DraftNode } from "./draft.ts";
import { nodesOf, placeOf, settingOf, titleOf } from "./settings.ts";

type Facts = (typeof BOARD_FACTS)[keyof typeof BOARD_FACTS];

type NodeCheck = (
  draft: Draft,
  node: { readonly index: number; readonly node: DraftNode },
  board: Facts,
) => Problem | undefined;

const GEN_3 = Object.entries(BOARD_FACTS)
  .filter(([, { pcie }]) => pcie === 3)
  .map(([name]) => name);

const storage: NodeCheck = (draft, numbered, board) => {
  const found = settingOf(draft, numbered.index, "storage");
  return found?.value === undefined ||
    found.value === "sd" ||
    board.pcie !== undefined
    ? undefined
    : {
        code: "BOARD_WITHOUT_PCIE",
        severity: "error",
        message: `${titleOf(numbered)} is a ${board.title}, which has no PCIe connector for an NVMe disk`,
        ...placeOf(draft, numbered, found),
        hint: "set storage: sd at the node; a disk in a USB adapter is no NVMe to the board",
      };
};

const pcieGen: NodeCheck = (draft, numbered, board) => {
  const found = settingOf(draft, numbered.index, "pcieGen");
  if (found?.value !== 3 || board.pcie === 3) {
    return undefined;
  }
  return {
    code:
      board.pcie === undefined ? "BOARD_WITHOUT_PCIE" : "PCIE_GEN_UNSUPPORTED",
    severity: "error",
    message:
      board.pcie === undefined
        ? `${titleOf(numbered)} is a ${board.title}, which has no PCIe connector`
        : `${titleOf(numbered)} is a ${board.title}, whose PCIe ends at Gen ${board.pcie}`,
    ...placeOf(draft, numbered, found),
    hint: `set pcieGen: 2 at the node; Gen 3 is for ${GEN_3.join(", ")}`,
  };
};

const base: NodeCheck = (draft, numbered, board) => {
  const found = settingOf(draft, numbered.index, "base");
  // The name from the catalogue, or the vendor's file name at the end of a path or URL.
  const name = found?.value?.split("/").at(-1) ?? "";
  return found === undefined ||
    board.ubuntu2204 ||
    !name.startsWith("ubuntu-22.04")
    ? undefined
    : {
        code: "BASE_TOO_OLD",
        severity: "error",
        message: `${titleOf(numbered)} is a ${board.title}, and Ubuntu 22.04 does not boot on it`,
        ...placeOf(draft, numbered, found),
        hint: "use ubuntu-24.04 or newer for this node",
      };
};

const memory: NodeCheck = (draft, numbered, board) =>
  numbered.node.role !== "control-plane" ||
  board.memory === undefined ||
  board.memory >= CONTROL_PLANE_MEMORY
    ? undefined
    : {
        code: "BOARD_TOO_SMALL",
        severity: "error",
        message: `${titleOf(numbered)} is a ${board.title} with ${board.memory} MB of memory, and a control plane needs ${CONTROL_PLANE_MEMORY}`,
        at: draft.at(["nodes", numbered.index, "role"]),
        hint: "make it a worker, and give the control plane a board with 2 GB or more",
      };

export const checkBoards: Check = (draft) =>
  nodesOf(draft).flatMap((numbered) => {
    const board = settingOf(draft, numbered.index, "board")?.value;
    return board === undefined
      ? []
      : [storage, pcieGen, base, memory].flatMap(
          (check) => check(draft, numbered, BOARD_FACTS[board]) ?? [],
        );
  });
