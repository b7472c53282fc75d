// pi-image flash: writes images to one or several targets at once and proves that each target holds its own.
import { dirname, join, resolve } from "node:path";
import { demandOutFolder, prepareOutFolder } from "../../build/out-folder.ts";
import { lookAtSources } from "../../device/run-sources.ts";
import { receiptPath } from "../../flash/receipt-store.ts";
import {
  confirmTargets,
  printFlashPlan,
  showContent,
} from "./confirm-targets.ts";
import type { Context } from "../../terminal/context.ts";
import { flashOptions } from "./flash-options.ts";
import { keepOutOfGit } from "../../project/keep-out-of-git.ts";
import { lookAtTargets, planTargets, withKept } from "./flash-plans.ts";
import { settleTargets, type Flashed } from "./flash-results.ts";
import { namedSources, openSources } from "./flash-source.ts";
import { flashTargets, pathsOf } from "./flash-targets.ts";
import type { FlashSource } from "../../sources/image-source.ts";
import { loadSigners } from "../signers.ts";
import { writeTargets } from "./write-targets.ts";
import { ejectDevice } from "../../device/helper/device-work.ts";

/** Ejects only cards that were proven; one that failed stays in place so that it can be examined. */
const ejectTargets = async (
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

/** The order matters: everything is examined and every question asked before the first write to a card or to the project. */
export const flash = async (
  context: Context,
  args: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const parsed = flashOptions.parse(given);
  const wanted = flashTargets(args, parsed.host);
  const signedBy = await loadSigners(context, parsed);
  const options = { ...parsed, signedBy };
  const named = await namedSources(wanted, options);
  const targets = await lookAtTargets(context, pathsOf(wanted), named, options);
  const [first] = targets;
  const opened = await openSources(
    context,
    wanted,
    options,
    first?.target.kind === "device" ? first.target.device.size : undefined,
  );
  const { sources, keep, close } = opened;
  try {
    const files = await lookAtSources([...opened.files, ...named]);
    const time = new Date();
    const receiptFor = (source: FlashSource): string =>
      receiptPath(
        join(options.out, "receipts"),
        source.node?.name ?? source.label,
        time,
      );
    const planned = await planTargets(
      context,
      targets,
      sources,
      files,
      options,
      receiptFor,
    );
    if (options.dryRun) {
      for (const one of planned) {
        await showContent(context, one);
        printFlashPlan(context, one.plan);
      }
      return;
    }
    await demandOutFolder(options.out);
    await confirmTargets(context, planned);

    const kept = withKept(planned, await keep());
    await prepareOutFolder(options.out);
    await keepOutOfGit(context, {
      folder: dirname(resolve(options.inventory)),
      secretsFile: opened.secretsFile,
      out: options.out,
    });
    const results = await writeTargets(context, kept, options.patience, files);
    const flashed = kept.flatMap((one) => {
      const result = results.get(one.source);
      return result === undefined
        ? []
        : [{ ...one, result, receipt: receiptFor(one.source) }];
    });
    if (options.eject) {
      await ejectTargets(context, flashed);
    }
    await settleTargets(context, flashed, time);
  } finally {
    await close();
  }
};
