// Finds out quickly whether a device has the size that it claims, and leaves its data as it was.
import { ifOneOf } from "../../report/expected-failure.ts";
import { type Marking, type MarkingOptions, startMarking } from "./marking.ts";
import type { OpenTarget } from "../open/opened-target.ts";
import { type SizeLayout, sizeLayout } from "./size-layout.ts";
import { SIZE_MARKER_BYTES } from "./size-markers.ts";

/** What the markers showed; in bytes. */
export type SizeFinding =
  | { readonly kind: "whole" }
  /** Higher addresses lead to lower ones. */
  | { readonly kind: "wraps"; readonly realSize: number }
  /** The device keeps what is written below `from` and loses what is written from `to` on. */
  | { readonly kind: "drops"; readonly from: number; readonly to: number };

export type SizeTest =
  | {
      readonly kind: "finished";
      readonly finding: SizeFinding;
      /** Places that were tried. */
      readonly places: number;
      /** Places whose earlier content could not be put back. */
      readonly lost: number;
    }
  | {
      readonly kind: "stopped";
      /** The operating system's error, or what `signal` was aborted with. */
      readonly error: unknown;
      /** Whether the earlier content was put back. */
      readonly restored: boolean;
    };

/** How closely the end of what the device keeps is searched for. */
const NEAR = 1024 ** 2;
const STEPS = 15;

/** Where the device stops keeping what it is given, between a place that keeps it and one that does not. */
const searchBorder = async (
  marking: Marking,
  lastGood: number,
  firstBad: number,
): Promise<SizeFinding> => {
  let good = lastGood;
  let bad = firstBad;
  while (bad - good > NEAR) {
    const step =
      Math.ceil((bad - good) / (STEPS + 1) / SIZE_MARKER_BYTES) *
      SIZE_MARKER_BYTES;
    const places: number[] = [];
    for (let at = good + step; at < bad; at += step) {
      places.push(at);
    }
    const refused = await marking.mark(places);
    await marking.markStretch();
    for (const at of places) {
      if (refused.has(at) || !(await marking.holds(at))) {
        bad = at;
        break;
      }
      good = at;
    }
  }
  return { kind: "drops", from: good + SIZE_MARKER_BYTES, to: bad };
};

const search = async (
  marking: Marking,
  { start, length, singles }: SizeLayout,
): Promise<SizeFinding> => {
  await marking.markStretch();
  const refused = await marking.mark(singles);
  let realSize = Infinity;
  let lost: number | undefined;
  await marking.findStrangers((here, written) => {
    if (written === undefined) {
      lost ??= here;
    } else {
      realSize = Math.min(realSize, Math.abs(written - here));
    }
  });
  if (realSize < Infinity) {
    return { kind: "wraps", realSize };
  }
  if (lost !== undefined) {
    return lost === start
      ? searchBorder(marking, 0, start)
      : { kind: "drops", from: lost, to: lost };
  }
  await marking.markStretch();
  let good = start + length - SIZE_MARKER_BYTES;
  for (const at of singles) {
    if (refused.has(at) || !(await marking.holds(at))) {
      return searchBorder(marking, good, at);
    }
    good = at;
  }
  return { kind: "whole" };
};

/** Bytes from the start that hold what is written to them. */
export const keptBelow = (finding: SizeFinding, size: number): number => {
  switch (finding.kind) {
    case "whole":
      return size;
    case "wraps":
      return finding.realSize;
    case "drops":
      return finding.from;
  }
};

/**
 * Saves what it overwrites, writes markers, reads them back after more writes than a card's cache holds, and puts the
 * saved bytes back, also when it is stopped; only a process that is killed or a card that is pulled out loses them.
 * Probing instead of filling is the idea of f3probe (https://github.com/AltraMayor/f3).
 */
export const testSize = async (
  target: OpenTarget,
  options: MarkingOptions,
): Promise<SizeTest> => {
  const layout = sizeLayout(target.size);
  let marking: Marking | undefined;
  const restore = async (below: number): Promise<number> => {
    try {
      return (await marking?.restore(below)) ?? 0;
    } catch (error) {
      return ifOneOf(error, [Error], 1);
    }
  };
  try {
    marking = await startMarking(target, layout, options);
    const finding = await search(marking, layout);
    return {
      kind: "finished",
      finding,
      places: layout.singles.length + layout.length / SIZE_MARKER_BYTES,
      lost: await restore(keptBelow(finding, target.size)),
    };
  } catch (error) {
    const restored = (await restore(target.size)) === 0;
    return { kind: "stopped", error, restored };
  }
};
