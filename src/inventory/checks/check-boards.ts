// Storage, PCIe speed, base image and role against what each node's board can do.
import { carriesBundle } from "../rules/bundle-rules.ts";
import { writtenVersion } from "../rules/kubernetes-versions.ts";
import type { Problem } from "../../report/problem.ts";
import {
  judgeEeprom,
  onceForEachBoard,
  refuseBase,
} from "../boards/base-facts.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import {
  BOARD_FACTS,
  CONTROL_PLANE_MEMORY,
  type Board,
} from "../boards/boards.ts";
import type { DraftCheck, Draft, DraftNode } from "../draft.ts";
import { STORAGE_FACTS } from "../boards/storage.ts";
import { nodesOf, settingPlace, settingOf, titleOf } from "../settings.ts";

type Facts = (typeof BOARD_FACTS)[Board] & { readonly name: Board };

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
    STORAGE_FACTS[found.value].disk !== "nvme" ||
    board.pcie !== undefined
    ? undefined
    : {
        code: "BOARD_WITHOUT_PCIE",
        severity: "error",
        message: `${titleOf(numbered)} is a ${board.title}, which has no PCIe connector for an NVMe disk`,
        ...settingPlace(draft, numbered, found),
        hint: "set storage: sd, or usb, sd-to-usb or sd+usb-data for a disk in a USB adapter",
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
        : `${titleOf(numbered)} is a ${board.title}, whose PCIe goes up to Gen ${board.pcie}`,
    ...settingPlace(draft, numbered, found),
    hint: `set pcieGen: 2 at the node; Gen 3 is for ${GEN_3.join(", ")}`,
  };
};

const checkBase: NodeCheck = (draft, numbered, { name }) => {
  const found = settingOf(draft, numbered.index, "base");
  const { runtime, kubernetes, ...cluster } = draft.content.cluster ?? {};
  const refusal = refuseBase(found?.value ?? "", name, {
    storage: settingOf(draft, numbered.index, "storage")?.value ?? "sd",
    role: numbered.node.role,
    runtime: runtime ?? DEFAULT_CLUSTER.runtime,
    minor: writtenVersion(kubernetes) ?? DEFAULT_CLUSTER.kubernetes,
    bundle: carriesBundle(cluster),
  });
  return found === undefined || refusal === undefined
    ? undefined
    : {
        code: refusal.code ?? "BASE_TOO_OLD",
        severity: "error",
        message: `${titleOf(numbered)} is ${refusal.why}`,
        ...settingPlace(draft, numbered, found),
        hint: refusal.hint,
      };
};

const eeprom: NodeCheck = (draft, numbered, { name }) => {
  const found = settingOf(draft, numbered.index, "base");
  const written = settingOf(draft, numbered.index, "eepromDate");
  if (found?.value === undefined || written === undefined) {
    return undefined;
  }
  const problem = judgeEeprom(
    titleOf(numbered),
    name,
    found.value,
    written.value,
  );
  return (
    problem && {
      ...problem,
      ...settingPlace(
        draft,
        numbered,
        written.value === undefined ? found : written,
      ),
    }
  );
};

const memory: NodeCheck = (draft, numbered, board) => {
  const written = settingOf(draft, numbered.index, "memory");
  const size =
    board.memory ??
    (written?.value === undefined ? undefined : written.value * 1024);
  return numbered.node.role !== "control-plane" ||
    size === undefined ||
    size >= CONTROL_PLANE_MEMORY
    ? undefined
    : {
        code: "BOARD_TOO_SMALL",
        severity: "error",
        message: `${titleOf(numbered)} is a ${board.title} with ${size} MB of memory, and a control plane needs ${CONTROL_PLANE_MEMORY}`,
        at: draft.at(["nodes", numbered.index, "role"]),
        hint: "make it a worker, and give the control plane a board with 2 GB or more",
      };
};

export const checkBoards: DraftCheck = (draft) =>
  onceForEachBoard(
    nodesOf(draft).flatMap((numbered) => {
      const board = settingOf(draft, numbered.index, "board")?.value;
      return board === undefined
        ? []
        : [storage, pcieGen, checkBase, eeprom, memory].flatMap(
            (check) =>
              check(draft, numbered, { name: board, ...BOARD_FACTS[board] }) ??
              [],
          );
    }),
  );
