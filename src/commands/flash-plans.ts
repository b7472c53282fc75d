// Looks at the targets and plans the flash of each, and refuses all of them when one must not be written.
import { inspectTarget } from "../device/inspect-target.ts";
import { listDevices } from "../device/list-devices.ts";
import { refusalError } from "../device/refusal-error.ts";
import type { Target } from "../device/target.ts";
import { type Refusal, refusals, type Wish } from "../device/target-rules.ts";
import { confirmationOf } from "../flash/confirmation.ts";
import { type FlashPlan, planFlash } from "../flash/plan-flash.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "./context.ts";
import { demandRealBase } from "./demand-real-base.ts";
import type { FlashOptions } from "./flash-options.ts";
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

const refuse = (refused: readonly Refusal[]): void => {
  const [first, ...others] = refused;
  if (first !== undefined) {
    throw refusalError(first, others);
  }
};

const wishOf = (target: Target, options: FlashOptions): Wish => ({
  allowFixed: options.allowFixed,
  maxSize: options.maxSize,
  serial: serialFor(target, options.serial),
  sources: [],
});

const mayAsk = ({ interactive, json }: Context): boolean =>
  interactive && !json;

/**
 * What the targets are, judged by the rules that need no image: nobody waits for a download to learn that a name was
 * mistyped.
 * @param paths as the user wrote them
 * @throws UserError of the first refusal, with all others below it; WRONG_ARGUMENTS for two names of one card
 */
export const lookAtTargets = async (
  context: Context,
  paths: readonly string[],
  options: FlashOptions,
): Promise<readonly Target[]> => {
  const targets: Target[] = [];
  for (const path of paths) {
    targets.push(await inspectTarget(path, listDevices));
  }
  demandDistinct(targets);
  refuse(
    targets.flatMap((target) => {
      const wish = wishOf(target, options);
      const against = refusals(target, wish);
      if (target.kind === "unusable" || against.length > 0) {
        return against;
      }
      const confirmation = confirmationOf(target, {
        yes: options.yes,
        interactive: mayAsk(context),
        serial: wish.serial,
      });
      return confirmation.kind === "refused" ? [confirmation.refusal] : [];
    }),
  );
  return targets;
};

/**
 * @param sources one for each target
 * @param receiptOf where a source's receipt will be
 * @throws UserError of the first refusal, with all others below it; SAMPLE_ON_CARD
 */
export const planTargets = (
  context: Context,
  targets: readonly Target[],
  sources: readonly FlashSource[],
  options: FlashOptions,
  receiptOf: (source: FlashSource) => string,
): readonly Planned[] => {
  const files = sources.flatMap((source) => source.files);
  const refused: Refusal[] = [];
  const planned: Planned[] = [];
  for (const [index, source] of sources.entries()) {
    const target = targets[index];
    if (target === undefined) {
      throw new Error(`no target for ${source.label}`);
    }
    const result = planFlash({
      image: { label: source.label, size: source.size, sha256: source.sha256 },
      mapSource: source.mapSource,
      checksums: source.checksums,
      ranges: source.ranges,
      target,
      wish: { ...wishOf(target, options), card: source.card, sources: files },
      yes: options.yes,
      interactive: mayAsk(context),
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
  refuse(refused);
  for (const { plan, source } of planned) {
    demandRealBase(plan.target, source, options.base);
  }
  return planned;
};

/** The same plans with the sources as they were kept: another run's secrets can change which ranges hold data. */
export const withKept = (
  planned: readonly Planned[],
  kept: readonly FlashSource[],
): readonly Planned[] =>
  planned.map(({ plan }, index) => {
    const source = kept[index];
    if (source === undefined) {
      throw new Error(`nothing was kept for ${plan.target.path}`);
    }
    return { source, plan: { ...plan, ranges: source.ranges } };
  });
