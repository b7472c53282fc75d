// Reports how the flash of each target ended, stores the receipts, and throws if one of them failed.
import type { UsableTarget } from "../../device/target.ts";
import { type Receipt, receiptOf } from "../../flash/receipt.ts";
import { storeReceipt } from "../../flash/receipt-store.ts";
import type { TargetResult } from "../../flash/run-flash.ts";
import { formatBytes, formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import { packageVersion } from "../../system/package-files.ts";
import type { Context } from "../../terminal/context.ts";
import { showUserError } from "../../terminal/explain-failure.ts";
import type { SourceAndPlan } from "./flash-plans.ts";
import type { FlashSource } from "../../sources/image-source.ts";

export type Flashed = SourceAndPlan & {
  readonly result: TargetResult;
  /** Path of the receipt. */
  readonly receipt: string;
};

const summary = (
  source: FlashSource,
  target: UsableTarget,
  result: TargetResult,
): string => {
  const proof =
    result.readBack === "medium"
      ? "read back from the medium"
      : "read back (from the page cache: this file system has no direct reads)";
  const again =
    result.rewritten === 0 ? "" : `, ${result.rewritten} pieces written again`;
  return `${target.path} holds ${source.label}: ${formatBytes(result.bytesWritten)} written and ${proof} in ${formatSeconds(result.seconds)}${again}.`;
};

/** By now it is known what the card holds; a receipt that cannot be written must not hide that. */
const keepReceipt = async (
  path: string,
  receipt: Receipt,
): Promise<UserError | undefined> => {
  try {
    await storeReceipt(path, receipt);
    return undefined;
  } catch (cause) {
    return new UserError(
      "RECEIPT_NOT_WRITTEN",
      `the receipt ${path} cannot be written`,
      {
        facts: cause instanceof Error ? [cause.message] : [],
        state: "the card is good: everything was read back and verified",
        hint: "free some space there or give yourself permission to write; `pi-image verify TARGET IMAGE` works without a receipt",
        cause,
      },
    );
  }
};

/** Returns what the user must know about this target's failure, or undefined if it did not fail. */
const settle = async (
  context: Context,
  { source, plan, result, receipt }: Flashed,
  time: Date,
): Promise<UserError | undefined> => {
  const unkept = await keepReceipt(
    receipt,
    receiptOf({
      plan,
      result,
      time,
      tool: `pi-image ${packageVersion()}`,
      node: source.node,
      base: source.base,
      bundle: source.bundle,
    }),
  );
  context.printJson({
    type: "result",
    target: result.path,
    node: source.node?.name,
    result: result.error === undefined ? "proven" : "failed",
    code: result.error?.code,
    receipt: unkept === undefined ? receipt : undefined,
  });
  if (result.error === undefined) {
    context.print(summary(source, plan.target, result));
  }
  return result.error ?? unkept;
};

/**
 * One line or one error for each target.
 * @throws UserError the failure with the highest exit code; the others are shown before it
 */
export const settleTargets = async (
  context: Context,
  flashed: readonly Flashed[],
  time: Date,
): Promise<void> => {
  const failures: UserError[] = [];
  for (const one of flashed) {
    const failure = await settle(context, one, time);
    if (failure !== undefined) {
      failures.push(failure);
    }
  }
  const worst = failures
    .toSorted((one, other) => one.exitCode - other.exitCode)
    .at(-1);
  if (worst === undefined) {
    return;
  }
  for (const failure of failures) {
    if (failure !== worst) {
      showUserError(context, failure);
    }
  }
  const good = flashed.filter(({ result }) => result.error === undefined);
  if (flashed.length > 1) {
    context.remark(
      `${good.length} of ${flashed.length} targets hold their image${good.length === 0 ? "" : `: ${good.map(({ result }) => result.path).join(", ")}`}.`,
    );
  }
  throw worst;
};
