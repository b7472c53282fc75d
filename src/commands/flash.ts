// pi-image flash: writes images to one or several targets at once and proves that each target holds its own.
import { join } from "node:path";
import { prepareOutFolder } from "../build/out-folder.ts";
import { ejectDevice } from "../device/eject-device.ts";
import { listDevices } from "../device/list-devices.ts";
import { openTarget } from "../device/open-target.ts";
import type { OpenTarget } from "../device/opened-target.ts";
import { receiptPath } from "../flash/receipt-store.ts";
import { flashImage, type TargetResult } from "../flash/run-flash.ts";
import { stallLimits } from "../flash/stall-watch.ts";
import type { ImageReader } from "../image/reader.ts";
import { confirmTargets, printPlan } from "./confirm-targets.ts";
import type { Context } from "./context.ts";
import { flashOptions } from "./flash-options.ts";
import { type Planned, planTargets } from "./flash-plans.ts";
import { type Flashed, settleTargets } from "./flash-results.ts";
import { openAssignments } from "./flash-source.ts";
import { flashTargets } from "./flash-targets.ts";
import type { FlashSource } from "./image-source.ts";

type Opened = Planned & { readonly target: OpenTarget };

/** All of them, or none: nothing has been written yet when one cannot be opened. */
const openAll = async (
  planned: readonly Planned[],
): Promise<readonly Opened[]> => {
  const opened: Opened[] = [];
  try {
    for (const one of planned) {
      const { plan, source } = one;
      const target = await openTarget(plan.target, source.size, listDevices);
      opened.push({ ...one, target });
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(({ target }) => target.close()));
    throw error;
  }
};

/** Targets that share a reader are written from one decode. */
const runTogether = async (
  context: Context,
  together: readonly Opened[],
  patience: number,
): Promise<readonly TargetResult[]> => {
  const [first] = together;
  if (first === undefined) {
    return [];
  }
  const { source, plan } = first;
  return flashImage({
    reader: source.reader,
    imageSize: source.size,
    ranges: plan.ranges,
    wipe: plan.wipe,
    discard: true,
    targets: together.map(({ target, source: { patch } }) => ({
      target,
      patch,
    })),
    proveImage: source.proveImage,
    report: context.report,
    signal: context.signal,
    stallLimits: stallLimits(patience),
  });
};

const run = async (
  context: Context,
  planned: readonly Planned[],
  patience: number,
): Promise<ReadonlyMap<FlashSource, TargetResult>> => {
  const opened = await openAll(planned);
  const groups = new Map<ImageReader, Opened[]>();
  for (const one of opened) {
    const { reader } = one.source;
    groups.set(reader, [...(groups.get(reader) ?? []), one]);
  }
  const results = new Map<FlashSource, TargetResult>();
  const ended = await Promise.allSettled(
    [...groups.values()].map(async (group) => {
      const found = await runTogether(context, group, patience);
      for (const [index, { source }] of group.entries()) {
        const result = found[index];
        if (result !== undefined) {
          results.set(source, result);
        }
      }
    }),
  );
  // Only a bug gets here, and only after every other target was finished.
  const bug = ended.find(({ status }) => status === "rejected");
  if (bug?.status === "rejected") {
    throw bug.reason;
  }
  return results;
};

/** Only what is proven: a card that failed is looked at where it is. */
const ejectAll = async (
  context: Context,
  flashed: readonly Flashed[],
): Promise<void> => {
  for (const { plan, result } of flashed) {
    if (plan.target.kind === "file" || result.error !== undefined) {
      continue;
    }
    const { path } = plan.target.device;
    const why = await ejectDevice(path);
    context.report(
      why === undefined
        ? { type: "notice", subject: path, message: "can be pulled out" }
        : {
            type: "warning",
            subject: path,
            message: `it was not ejected: ${why}`,
            hint: "everything is on the card; unmount it before you pull it out",
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
  const targets = flashTargets(args, options.host);
  const { assignments, close } = await openAssignments(context, targets, {
    inventory: options.inventory,
    base: options.base,
    sha256: options.sha256,
    insecure: options.insecure,
    out: options.out,
    wipe: options.wipe,
  });
  try {
    const time = new Date();
    const receiptFor = (source: FlashSource): string =>
      receiptPath(
        join(options.out, "receipts"),
        source.node?.name ?? source.label,
        time,
      );
    const planned = await planTargets(
      context,
      assignments,
      options,
      receiptFor,
    );
    const plans = planned.map(({ plan }) => plan);
    if (options.dryRun) {
      for (const plan of plans) {
        printPlan(context, plan);
      }
      return;
    }
    await confirmTargets(context, plans);
    await prepareOutFolder(options.out);
    const results = await run(context, planned, options.patience);
    const flashed = planned.flatMap((one) => {
      const result = results.get(one.source);
      return result === undefined
        ? []
        : [{ ...one, result, receipt: receiptFor(one.source) }];
    });
    if (options.eject) {
      await ejectAll(context, flashed);
    }
    await settleTargets(context, flashed, time);
  } finally {
    await close();
  }
};
