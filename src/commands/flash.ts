// pi-image flash: writes one image to one target and proves that the target holds it.
import { join } from "node:path";
import { z } from "zod";
import { prepareOutFolder } from "../build/out-folder.ts";
import { listDevices } from "../device/list-devices.ts";
import { inspectTarget } from "../device/inspect-target.ts";
import { openTarget } from "../device/open-target.ts";
import { refusalError } from "../device/refusal-error.ts";
import type { UsableTarget } from "../device/target.ts";
import { type FlashPlan, planFlash } from "../flash/plan-flash.ts";
import { type Receipt, receiptOf } from "../flash/receipt.ts";
import { receiptPath, storeReceipt } from "../flash/receipt-store.ts";
import { flashImage, type TargetResult } from "../flash/run-flash.ts";
import { formatBytes, formatSeconds } from "../report/progress-line.ts";
import { UserError } from "../report/user-error.ts";
import { packageVersion } from "../system/package-files.ts";
import type { Context } from "./context.ts";
import { demandRealBase } from "./demand-real-base.ts";
import { openFlashSource } from "./flash-source.ts";
import type { FlashSource } from "./image-source.ts";

const flashOptions = z.object({
  inventory: z.string(),
  host: z.array(z.string()).optional(),
  base: z.string().optional(),
  sha256: z.string().optional(),
  out: z.string(),
  yes: z.boolean().optional(),
  serial: z.string().optional(),
  allowFixed: z.boolean().optional(),
  maxSize: z.number(),
  wipe: z.boolean().optional(),
  dryRun: z.boolean().optional(),
});

type FlashOptions = z.infer<typeof flashOptions>;

const printPlan = (context: Context, plan: FlashPlan): void => {
  context.printJson({ type: "plan", plan });
  context.print(
    [
      `${plan.image.label} (${formatBytes(plan.image.size)}) -> ${plan.target.path}`,
      ...plan.steps.map((step) =>
        "bytes" in step
          ? `  ${step.step}: ${formatBytes(step.bytes)}`
          : "path" in step
            ? `  ${step.step}: ${step.path}`
            : `  ${step.step}`,
      ),
    ].join("\n"),
  );
};

/** The user types the device's name; anything else leaves the target alone. */
const confirm = async (context: Context, plan: FlashPlan): Promise<void> => {
  const { confirmation } = plan;
  if (confirmation.kind === "given") {
    return;
  }
  context.remark(
    `Everything on ${confirmation.what} will be replaced by ${plan.image.label}.`,
  );
  const answer = await context.ask(
    `Type ${confirmation.name} to write it, anything else to stop: `,
  );
  if (answer !== confirmation.name) {
    throw new UserError("CANCELLED", "the target was not confirmed", {
      state: `nothing was written to ${plan.target.path}`,
    });
  }
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

const run = async (
  context: Context,
  source: FlashSource,
  plan: FlashPlan,
): Promise<TargetResult> => {
  const target = await openTarget(plan.target, source.size, listDevices);
  const [result] = await flashImage({
    reader: source.reader,
    imageSize: source.size,
    ranges: plan.ranges,
    wipe: plan.wipe,
    discard: true,
    targets: [{ target, patch: source.patch }],
    proveImage: source.proveImage,
    report: context.report,
    signal: context.signal,
  });
  if (result === undefined) {
    throw new Error("a flash of one target has one result");
  }
  return result;
};

const planFor = async (
  context: Context,
  source: FlashSource,
  path: string,
  options: FlashOptions,
  receipt: string,
): Promise<FlashPlan> => {
  const target = await inspectTarget(path, listDevices);
  const planned = planFlash({
    image: { label: source.label, size: source.size, sha256: source.sha256 },
    mapSource: source.mapSource,
    checksums: source.checksums,
    ranges: source.ranges,
    target,
    wish: {
      allowFixed: options.allowFixed === true,
      maxSize: options.maxSize,
      serial: options.serial,
      card: source.card,
      sources: source.files,
    },
    yes: options.yes === true,
    interactive: context.interactive && !context.json,
    wipe: options.wipe === true,
    receipt,
  });
  if (planned.kind === "refused") {
    const [first, ...others] = planned.refusals;
    if (first === undefined) {
      throw new Error("a refusal has a reason");
    }
    throw refusalError(first, others);
  }
  return planned.plan;
};

/** What the card holds is known by now: a receipt that cannot be kept must not hide it. */
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
        state: "the card is good: everything was read back and compared",
        hint: "make room or give yourself the right to write there; `pi-image verify TARGET IMAGE` works without a receipt",
        cause,
      },
    );
  }
};

export const flash = async (
  context: Context,
  args: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = flashOptions.parse(given);
  const [path = "", image] = args;
  const source = await openFlashSource(context, {
    image,
    hosts: options.host ?? [],
    inventory: options.inventory,
    base: options.base,
    sha256: options.sha256,
    out: options.out,
    wipe: options.wipe === true,
  });
  try {
    const time = new Date();
    const receipt = receiptPath(
      join(options.out, "receipts"),
      source.node?.name ?? source.label,
      time,
    );
    const plan = await planFor(context, source, path, options, receipt);
    demandRealBase(plan.target, source, options.base);
    if (options.dryRun === true) {
      printPlan(context, plan);
      return;
    }
    await confirm(context, plan);
    await prepareOutFolder(options.out);
    const result = await run(context, source, plan);
    const unkept = await keepReceipt(
      receipt,
      receiptOf({
        plan,
        result,
        time,
        tool: `pi-image ${packageVersion()}`,
        node: source.node,
        base: source.base,
      }),
    );
    context.printJson({
      type: "result",
      target: result.path,
      result: result.error === undefined ? "proven" : "failed",
      receipt: unkept === undefined ? receipt : undefined,
    });
    if (result.error !== undefined) {
      throw result.error;
    }
    context.print(summary(source, plan.target, result));
    if (unkept !== undefined) {
      throw unkept;
    }
  } finally {
    await source.close();
  }
};
