// Writes a node's raw image: a copy of the decoded base with the patch in it.
import { open, rm } from "node:fs/promises";
import type { Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { Report } from "../report/events.ts";
import { publishFile, temporaryName } from "../system/atomic-file.ts";
import { copySparse } from "../system/copy-file.ts";
import { writeAt } from "../system/exact-io.ts";
import { digestImage, type ImageDigests } from "./digest-image.ts";

type RawImage = {
  /** The decoded base. */
  readonly rawBase: string;
  readonly patch: Patch;
  /** The block map, whose ranges get digests. */
  readonly ranges: readonly Range[];
  readonly path: string;
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

/** Images hold the node's secrets. */
export const IMAGE_MODE = 0o600;

/** Written under a temporary name; the final name appears when all of it is on disk. */
export const writeRawImage = async (image: RawImage): Promise<ImageDigests> => {
  const { path, subject, report, signal } = image;
  const temporary = temporaryName(path);
  try {
    await (await open(temporary, "wx", IMAGE_MODE)).close();
    report({ type: "phase", phase: "copy base", subject });
    await copySparse(image.rawBase, temporary, signal);
    const handle = await open(temporary, "r+");
    try {
      for (const { offset, data } of image.patch) {
        await writeAt(handle, data, offset);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const digests = await digestImage(temporary, image.ranges, {
      subject,
      report,
      signal,
    });
    await publishFile(temporary, path);
    return digests;
  } finally {
    await rm(temporary, { force: true });
  }
};
