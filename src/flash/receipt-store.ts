// Keeps receipts as files, and finds the last one of a card.
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { UsableTarget } from "../device/target.ts";
import { sameSerial } from "../device/target-rules.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { type Receipt, receiptSchema } from "./receipt.ts";

/** Names sort by time: "20261120T070303Z-worker2.json". */
export const receiptPath = (
  folder: string,
  label: string,
  time: Date,
): string => {
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const name = label.replaceAll(/[^\w.-]+/g, "-").replace(/^-+/, "");
  return join(folder, `${stamp}-${name}.json`);
};

export const storeReceipt = (path: string, receipt: Receipt): Promise<void> =>
  writeFileAtomically(path, `${JSON.stringify(receipt, undefined, 2)}\n`);

/** @throws UserError RECEIPT_UNREADABLE */
export const loadReceipt = async (path: string): Promise<Receipt> => {
  try {
    return receiptSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new UserError(
      "RECEIPT_UNREADABLE",
      `${path} is no receipt that this version of pi-image can read`,
      {
        cause,
        hint: "compare the card with its image instead: pi-image verify TARGET IMAGE",
      },
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

/** The newest receipt of this target in the folder; undefined when there is none. */
export const lastReceipt = async (
  folder: string,
  target: UsableTarget,
): Promise<Receipt | undefined> => {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch {
    return undefined;
  }
  const files = names.filter((name) => /^\d{8}T\d{6}Z-.*\.json$/.test(name));
  for (const name of files.toSorted().toReversed()) {
    const receipt = await loadReceipt(join(folder, name));
    if (isOf(receipt, target)) {
      return receipt;
    }
  }
  return undefined;
};
