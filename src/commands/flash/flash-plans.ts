// Looks at the targets and plans the flash of each, and refuses all of them when one must not be written.
import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { inspectTarget } from "../../device/look/inspect-target.ts";
import {
  type Layers,
  layersOf,
  layersOverlap,
} from "../../device/look/layers.ts";
import { listDevices } from "../../device/helper/device-work.ts";
import { orAbsent } from "../../device/or-absent.ts";
import { refusalError } from "../../device/refusal-error.ts";
import {
  type KnownSource,
  lookAtSources,
  type LostSource,
  lostSource,
  type SourceFile,
} from "../../device/run-sources.ts";
import type { Target } from "../../device/target.ts";
import {
  type Refusal,
  refusals,
  type Wish,
} from "../../device/target-rules.ts";
import { confirmationOf } from "../../flash/confirmation.ts";
import { type FlashPlan, planFlash } from "../../flash/plan-flash.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { demandRealBase } from "./demand-real-base.ts";
import type { FlashOptions } from "./flash-options.ts";
import type { FlashSource } from "../../sources/image-source.ts";
import { demandSoundImage } from "../../sources/look-at-image.ts";
import { serialFor } from "./serial-for.ts";

/** One target with what goes onto it, decided. */
export type SourceAndPlan = {
  readonly source: FlashSource;
  readonly plan: FlashPlan;
};

/** What can be found out about a target from its path. */
type Looked = {
  readonly target: Target;
  /** Undefined where nothing exists at the path yet. */
  readonly stats: BigIntStats | undefined;
  /** The path with symbolic links resolved. */
  readonly realPath: string;
};

export type LookedAt = readonly Looked[];

const lookAt = async (path: string): Promise<Looked> => {
  const target = await inspectTarget(path, listDevices);
  const realPath = target.kind === "file" ? target.realPath : path;
  const stats =
    target.kind === "unusable"
      ? undefined
      : await orAbsent(stat(realPath, { bigint: true }));
  return { target, stats, realPath };
};

/** Two names for the same card would have two nodes written to it. */
const demandDistinct = async (targets: LookedAt): Promise<void> => {
  const seen: { looked: Looked; layers: Layers | undefined }[] = [];
  for (const looked of targets) {
    const { stats, realPath, target } = looked;
    const layers =
      stats === undefined ? undefined : await layersOf(stats, realPath);
    const same = seen.find(
      (other) =>
        other.looked.realPath === realPath ||
        (layers !== undefined &&
          other.layers !== undefined &&
          layersOverlap(layers, other.layers)),
    );
    if (same !== undefined) {
      throw new UserError(
        "WRONG_ARGUMENTS",
        `${same.looked.target.path} and ${target.path} are the same target`,
        {
          state: "nothing was written",
          hint: "each node needs a card of its own",
        },
      );
    }
    seen.push({ looked, layers });
  }
};

const lostWith = async (
  { stats, realPath }: Looked,
  sources: readonly KnownSource[],
): Promise<LostSource | undefined> =>
  stats && lostSource(stats, realPath, sources);

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
});

const mayAsk = ({ interactive, json }: Context): boolean =>
  interactive && !json;

/**
 * Looks at the targets and applies the rules that need no image, so that nobody waits for a download only to learn of a
 * mistyped name.
 * @param paths as the user wrote them
 * @param named what the command line itself names as read or kept
 * @throws UserError of the first refusal, with all others below it; WRONG_ARGUMENTS for two names of one card
 */
export const lookAtTargets = async (
  context: Context,
  paths: readonly string[],
  named: readonly SourceFile[],
  options: FlashOptions,
): Promise<LookedAt> => {
  const sources = await lookAtSources(named);
  const targets: Looked[] = [];
  for (const path of paths) {
    targets.push(await lookAt(path));
  }
  await demandDistinct(targets);
  const refused: Refusal[] = [];
  for (const looked of targets) {
    const { target } = looked;
    const wish = {
      ...wishOf(target, options),
      source: await lostWith(looked, sources),
    };
    const against = refusals(target, wish);
    refused.push(...against);
    if (target.kind === "unusable" || against.length > 0) {
      continue;
    }
    const confirmation = confirmationOf(target, {
      yes: options.yes,
      interactive: mayAsk(context),
      serial: wish.serial,
    });
    if (confirmation.kind === "refused") {
      refused.push(confirmation.refusal);
    }
  }
  refuse(refused);
  return targets;
};

/**
 * @param sources one for each target
 * @param files everything that the run reads or keeps
 * @param receiptOf where a source's receipt will be
 * @throws UserError of the first refusal, with all others below it; SAMPLE_ON_CARD
 */
export const planTargets = async (
  context: Context,
  targets: LookedAt,
  sources: readonly FlashSource[],
  files: readonly KnownSource[],
  options: FlashOptions,
  receiptOf: (source: FlashSource) => string,
): Promise<readonly SourceAndPlan[]> => {
  const refused: Refusal[] = [];
  const planned: SourceAndPlan[] = [];
  for (const [index, source] of sources.entries()) {
    const looked = targets[index];
    if (looked === undefined) {
      throw new Error(`no target for ${source.label}`);
    }
    const { target } = looked;
    const result = planFlash({
      image: { label: source.label, size: source.size, sha256: source.sha256 },
      mapSource: source.mapSource,
      checksums: source.checksums,
      ranges: source.ranges,
      target,
      wish: {
        ...wishOf(target, options),
        card: source.card,
        source: await lostWith(looked, files),
        imageSectors: source.sectorSize,
      },
      findings: source.findings,
      notes: source.notes,
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
    demandSoundImage(source, options);
  }
  return planned;
};

/** The same plans with the final sources: where another run has made the secrets, other ranges may hold data. */
export const withKept = (
  planned: readonly SourceAndPlan[],
  kept: readonly FlashSource[],
): readonly SourceAndPlan[] =>
  planned.map(({ plan }, index) => {
    const source = kept[index];
    if (source === undefined) {
      throw new Error(`nothing was kept for ${plan.target.path}`);
    }
    return { source, plan: { ...plan, ranges: source.ranges } };
  });
