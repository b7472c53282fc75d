// Flashes in tests the way the command does: open the image, map it, open the targets, run.
import { listDevices } from "../../src/device/helper/device-work.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { mapUsed } from "../../src/image/block-map.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import type { Patch } from "../../src/image/patch.ts";
import type { Range } from "../../src/image/range.ts";
import type { ImageReader } from "../../src/image/reader.ts";
import type { ProgressEvent } from "../../src/report/events.ts";
import {
  type FlashJob,
  flashImage,
  type TargetResult,
} from "../../src/flash/run-flash.ts";
import { writeRanges } from "../../src/flash/segments.ts";
import { usableTarget } from "../device/loop.ts";

/** Puts a fault between the engine and the device. */
export type Wrap = (target: OpenTarget) => OpenTarget;

export type Flash = Partial<Omit<FlashJob, "targets">> & {
  readonly image: string;
  readonly targets: readonly {
    readonly path: string;
    readonly patch?: Patch;
    readonly wrap?: Wrap;
  }[];
  /** Undefined: what the image's file systems use. */
  readonly used?: "everything" | readonly Range[];
  readonly wrapReader?: (reader: ImageReader) => ImageReader;
};

export type Flashed = {
  readonly results: readonly TargetResult[];
  readonly events: readonly ProgressEvent[];
  readonly ranges: readonly Range[];
};

const unchanged: Wrap = (target) => target;

export const flash = async ({
  image,
  targets,
  used,
  wrapReader = (reader) => reader,
  ...job
}: Flash): Promise<Flashed> => {
  const reader = await openImage(image);
  try {
    const size = reader.size ?? reader.source?.size;
    if (size === undefined || reader.source === undefined) {
      throw new Error("tests flash raw images");
    }
    const map = used ?? (await mapUsed(reader.source)).ranges;
    // With --wipe the product maps the whole image, too (mapImage).
    const whole = map === "everything" || job.wipe === true;
    const ranges = writeRanges(whole ? undefined : map, size);
    const opened = [];
    for (const { path, patch = [], wrap = unchanged } of targets) {
      const target = await openTarget(
        await usableTarget(path),
        size,
        listDevices,
      );
      opened.push({ target: wrap(target), patch });
    }
    const events: ProgressEvent[] = [];
    const results = await flashImage({
      reader: wrapReader(reader),
      ranges,
      wipe: false,
      // Old data must stay where nothing is written, or the tests prove less than they say.
      discard: false,
      report: (event) => events.push(event),
      ...job,
      targets: opened,
    });
    return { results, events, ranges };
  } finally {
    await reader.close();
  }
};

/** The only result. */
export const only = ({ results }: Flashed): TargetResult => {
  const [result] = results;
  if (result === undefined || results.length !== 1) {
    throw new Error(`${results.length} results`);
  }
  return result;
};
