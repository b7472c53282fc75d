// Opens the targets of a flash and writes them; those that get their bytes from the same reader are written together.
import type { BigIntStats } from "node:fs";
import { listDevices } from "../../device/helper/device-work.ts";
import { openTarget } from "../../device/open/open-target.ts";
import type { OpenTarget } from "../../device/open/opened-target.ts";
import { refusalError } from "../../device/refusal-error.ts";
import {
  type KnownSource,
  lookAtSources,
  lostSource,
} from "../../device/run-sources.ts";
import type { UsableTarget } from "../../device/target.ts";
import { sourceRefusal } from "../../device/target-rules.ts";
import { flashImage, type TargetResult } from "../../flash/run-flash.ts";
import { stallLimits } from "../../flash/stall-watch.ts";
import type { ImageReader } from "../../image/reader.ts";
import type { Context } from "../../terminal/context.ts";
import type { SourceAndPlan } from "./flash-plans.ts";
import type { FlashSource } from "../../sources/image-source.ts";

type Opened = SourceAndPlan & { readonly target: OpenTarget };

/**
 * Looks again at the paths of the target and of the sources, which may lead elsewhere now than when they were first
 * examined.
 */
const demandNoSource = async (
  target: UsableTarget,
  opened: BigIntStats,
  files: readonly KnownSource[],
): Promise<void> => {
  const path = target.kind === "device" ? target.path : target.realPath;
  // For a file that this run has created, only the sources' present inodes count: it may have got the old inode of a
  // lockfile that was replaced.
  const before = target.kind === "file" && !target.exists ? [] : files;
  const now = [...before, ...(await lookAtSources(files))];
  const lost = await lostSource(opened, path, now);
  if (lost !== undefined) {
    throw refusalError(sourceRefusal(target.path, lost));
  }
};

/** Opens all targets or none, so that nothing has been written yet when one cannot be opened. */
const openAll = async (
  planned: readonly SourceAndPlan[],
  files: readonly KnownSource[],
): Promise<readonly Opened[]> => {
  const opened: Opened[] = [];
  try {
    for (const one of planned) {
      const { plan, source } = one;
      const target = await openTarget(
        plan.target,
        source.size,
        listDevices,
        (stats) => demandNoSource(plan.target, stats, files),
      );
      opened.push({ ...one, target });
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(({ target }) => target.close()));
    throw error;
  }
};

/** Targets that share a reader are written from one decoding. */
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

/**
 * Writes them all; how each ended is in the results.
 * @param files what the run reads or keeps
 * @param patience ms that a device may take for one step
 * @throws UserError when one of them cannot be opened: none was written then
 */
export const writeTargets = async (
  context: Context,
  planned: readonly SourceAndPlan[],
  patience: number,
  files: readonly KnownSource[],
): Promise<ReadonlyMap<FlashSource, TargetResult>> => {
  const opened = await openAll(planned, files);
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
  // Only a bug can reject here; it is thrown after every other target was finished.
  const bug = ended.find(({ status }) => status === "rejected");
  if (bug?.status === "rejected") {
    throw bug.reason;
  }
  return results;
};
