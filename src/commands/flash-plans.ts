// Plans the flash of each target, and refuses all of them when one must not be written.
import { inspectTarget } from "../device/inspect-target.ts";
import { listDevices } from "../device/list-devices.ts";
import { refusalError } from "../device/refusal-error.ts";
import type { Target } from "../device/target.ts";
import type { Refusal } from "../device/target-rules.ts";
import { type FlashPlan, planFlash } from "../flash/plan-flash.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "./context.ts";
import { demandRealBase } from "./demand-real-base.ts";
import type { FlashOptions } from "./flash-options.ts";
import type { Assignment } from "./flash-source.ts";
import type { FlashSource } from "./image-source.ts";
import { serialFor } from "./serial-for.ts";

/** One target with what goes onto it, decided. */
export type Planned = {
  readonly source: FlashSource;
  readonly plan: FlashPlan;
};

const keyOf = (target: Target): string =>
  target.kind === "device"
    ? target.device.path
    : target.kind === "file"
      ? target.realPath
      : target.path;

/** Two names of one card would give it two nodes. */
const demandDistinct = (targets: readonly Target[]): void => {
  const [first, second] =
    targets
      .map((target) =>
        targets.filter((other) => keyOf(other) === keyOf(target)),
      )
      .find((same) => same.length > 1) ?? [];
  if (first !== undefined && second !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${first.path} and ${second.path} are the same target`,
      {
        state: "nothing was written",
        hint: "each node needs a card of its own",
      },
    );
  }
};

/**
 * @param receiptOf where a source's receipt will be
 * @throws UserError of the first refusal, with all others below it; WRONG_ARGUMENTS; SAMPLE_ON_CARD
 */
export const planTargets = async (
  context: Context,
  assignments: readonly Assignment[],
  options: FlashOptions,
  receiptOf: (source: FlashSource) => string,
): Promise<readonly Planned[]> => {
  const targets: Target[] = [];
  for (const { path } of assignments) {
    targets.push(await inspectTarget(path, listDevices));
  }
  demandDistinct(targets);
  const files = assignments.flatMap(({ source }) => source.files);
  const refused: Refusal[] = [];
  const planned: Planned[] = [];
  for (const [index, { source }] of assignments.entries()) {
    const target = targets[index];
    if (target === undefined) {
      continue;
    }
    const result = planFlash({
      image: { label: source.label, size: source.size, sha256: source.sha256 },
      mapSource: source.mapSource,
      checksums: source.checksums,
      ranges: source.ranges,
      target,
      wish: {
        allowFixed: options.allowFixed,
        maxSize: options.maxSize,
        serial: serialFor(target, options.serial),
        card: source.card,
        sources: files,
      },
      yes: options.yes,
      interactive: context.interactive && !context.json,
      wipe: options.wipe,
      eject: options.eject,
      receipt: receiptOf(source),
    });
    if (result.kind === "refused") {
      refused.push(...result.refusals);
    } else {
      planned.push({ source, plan: result.plan });
    }
  }
  const [first, ...others] = refused;
  if (first !== undefined) {
    throw refusalError(first, others);
  }
  for (const { plan, source } of planned) {
    demandRealBase(plan.target, source, options.base);
  }
  return planned;
};
