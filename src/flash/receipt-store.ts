// Keeps receipts as files, and finds the last one of a card.
import { join, resolve } from "node:path";
import { z } from "zod";
import { secondStamp } from "../report/day.ts";
import type { UsableTarget } from "../device/target.ts";
import { sameSerial } from "../device/target-rules.ts";
import { ifOneOf, systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { listIfThere } from "../system/read-if-there.ts";
import { readWholeText } from "../system/read-whole.ts";
import { type Receipt, receiptSchema } from "./receipt.ts";
import { errnoReason } from "../system/errno-words.ts";

/** Names sort by time: "20261120T070303Z-worker2.json". */
export const receiptPath = (
  folder: string,
  label: string,
  time: Date,
): string => {
  const name = label.replaceAll(/[^\w.-]+/g, "-").replace(/^-+/, "");
  return join(folder, `${secondStamp(time)}-${name}.json`);
};

export const storeReceipt = (path: string, receipt: Receipt): Promise<void> =>
  writeFileAtomically(path, `${JSON.stringify(receipt, undefined, 2)}\n`);

/** @throws UserError RECEIPT_UNREADABLE */
export const loadReceipt = async (path: string): Promise<Receipt> => {
  try {
    return receiptSchema.parse(JSON.parse(await readWholeText(path)));
  } catch (error) {
    const code = systemCode(error);
    throw ifOneOf(
      error,
      [code ?? "", SyntaxError, z.ZodError],
      new UserError(
        "RECEIPT_UNREADABLE",
        code === undefined
          ? `${path} is not a receipt that this version of pi-image can read`
          : `the receipt ${path} cannot be read: ${errnoReason(code)}`,
        {
          cause: error,
          hint: "compare the card with its image instead: pi-image verify TARGET IMAGE",
        },
      ),
    );
  }
};

/** A reader's serial is the same for every card in it, so the size must match as well. */
const isOf = (receipt: Receipt, target: UsableTarget): boolean => {
  const { kind, byId, serial, size, path } = receipt.target;
  if (kind !== target.kind) {
    return false;
  }
  if (target.kind === "file") {
    return resolve(path) === resolve(target.path);
  }
  const { device } = target;
  if (size !== device.size) {
    return false;
  }
  if (serial !== undefined || device.serial !== undefined) {
    return serial !== undefined && sameSerial(device.serial, serial);
  }
  return byId.length > 0
    ? byId.some((name) => device.byId.includes(name))
    : path === device.path || path === target.path;
};

type LastReceipt = {
  /** Undefined where the folder has none of this target. */
  readonly receipt: Receipt | undefined;
  /** Newer files that cannot be read, each as RECEIPT_UNREADABLE: one of them may be of this target. */
  readonly unreadable: readonly UserError[];
};

/** The newest receipt of this target in the folder. Throws FILE_UNUSABLE where the folder cannot be read. */
export const lastReceipt = async (
  folder: string,
  target: UsableTarget,
): Promise<LastReceipt> => {
  const unreadable: UserError[] = [];
  const names = await listIfThere(folder);
  const files = names.filter((name) => /^\d{8}T\d{6}Z-.*\.json$/.test(name));
  for (const name of files.toSorted().toReversed()) {
    try {
      const receipt = await loadReceipt(join(folder, name));
      if (isOf(receipt, target)) {
        return { receipt, unreadable };
      }
    } catch (error) {
      if (!(error instanceof UserError)) {
        throw error;
      }
      unreadable.push(error);
    }
  }
  return { receipt: undefined, unreadable };
};
