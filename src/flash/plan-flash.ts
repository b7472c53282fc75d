// Decides what a flash will do, as plain data, or why it will not; computes only.
import type { Target, UsableTarget } from "../device/target.ts";
import { type Refusal, refusals, type Wish } from "../device/target-rules.ts";
import { type Range, totalLength } from "../image/range.ts";
import { type Confirmation, confirmationOf } from "./confirmation.ts";
import type { ImageFinding } from "./image-findings.ts";
import { HEAD_BYTES } from "./segments.ts";

/** What tells us which ranges hold data. */
export type MapSource = "bmap file" | "file systems" | "whole image";

export type FlashFacts = {
  readonly image: {
    /** What the user calls it: a path, or node and base. */
    readonly label: string;
    /** Bytes of the raw image. */
    readonly size: number;
    /** Hex SHA-256 of the raw image, where it is known. */
    readonly sha256: string | undefined;
  };
  readonly mapSource: MapSource;
  /** What is wrong with the image. */
  readonly findings: readonly ImageFinding[];
  /** Why the block map keeps more than it would have to. */
  readonly notes: readonly string[];
  /** Where checksums of the image's file come from, such as SHA256SUMS; compared before the first MiB is written. */
  readonly checksums: readonly string[];
  /** From `writeRanges`. */
  readonly ranges: readonly Range[];
  readonly target: Target;
  readonly wish: Wish;
  /** `--yes` */
  readonly yes: boolean;
  /** Somebody sits at a terminal and can be asked. */
  readonly interactive: boolean;
  readonly wipe: boolean;
  readonly eject: boolean;
  /** Where the receipt will be. */
  readonly receipt: string;
};

export type Step =
  | { readonly step: "erase"; readonly bytes: number }
  | { readonly step: "discard"; readonly bytes: number }
  | { readonly step: "write"; readonly bytes: number; readonly ranges: number }
  | { readonly step: "read back"; readonly bytes: number }
  | { readonly step: "compare checksum"; readonly path: string }
  | { readonly step: "write first MiB"; readonly bytes: number }
  | { readonly step: "re-read partition table" }
  | { readonly step: "receipt"; readonly path: string }
  | { readonly step: "eject" };

export type FlashPlan = {
  readonly image: FlashFacts["image"];
  readonly mapSource: MapSource;
  readonly ranges: readonly Range[];
  readonly wipe: boolean;
  readonly target: UsableTarget;
  readonly confirmation: Confirmation;
  readonly findings: readonly ImageFinding[];
  readonly notes: readonly string[];
  readonly steps: readonly Step[];
};

export type PlannedFlash =
  | { readonly kind: "plan"; readonly plan: FlashPlan }
  | { readonly kind: "refused"; readonly refusals: readonly Refusal[] };

const targetSize = (target: UsableTarget, imageSize: number): number =>
  target.kind === "device"
    ? target.device.size
    : Math.max(target.size, imageSize);

const stepsOf = (facts: FlashFacts, target: UsableTarget): readonly Step[] => {
  const { image, ranges } = facts;
  const size = targetSize(target, image.size);
  const head = Math.min(HEAD_BYTES, image.size);
  const data = totalLength(ranges);
  return [
    { step: "erase", bytes: Math.min(2 * HEAD_BYTES, size) },
    { step: "discard", bytes: size },
    { step: "write", bytes: data - head, ranges: ranges.length },
    { step: "read back", bytes: data },
    ...facts.checksums.map(
      (path) => ({ step: "compare checksum", path }) as const,
    ),
    { step: "write first MiB", bytes: head },
    ...(target.kind === "device"
      ? [{ step: "re-read partition table" } as const]
      : []),
    { step: "receipt", path: facts.receipt },
    ...(facts.eject && target.kind === "device"
      ? [{ step: "eject" } as const]
      : []),
  ];
};

/** The plan that `--dry-run` prints and `flashImage` follows, or every reason against it. */
export const planFlash = (facts: FlashFacts): PlannedFlash => {
  const { target, wish } = facts;
  const against = refusals(target, { ...wish, imageSize: facts.image.size });
  if (target.kind === "unusable" || against.length > 0) {
    return { kind: "refused", refusals: against };
  }
  const confirmation = confirmationOf(target, {
    yes: facts.yes,
    interactive: facts.interactive,
    serial: wish.serial,
  });
  if (confirmation.kind === "refused") {
    return { kind: "refused", refusals: [confirmation.refusal] };
  }
  return {
    kind: "plan",
    plan: {
      image: facts.image,
      mapSource: facts.mapSource,
      ranges: facts.ranges,
      wipe: facts.wipe,
      target,
      confirmation,
      findings: facts.findings,
      notes: facts.notes,
      steps: stepsOf(facts, target),
    },
  };
};
