// Writes one role image in every wanted format, with its block map.
import { join } from "node:path";
import { createHash } from "node:crypto";
import { openRawBase, type ProvenBase } from "../base/proven-base.ts";
import { writeCompressedImage } from "../build/write-compressed-image.ts";
import { renderBmap } from "../image/bmap/bmap.ts";
import type { Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import type { Report } from "../report/events.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import {
  bmapFile,
  imageFile,
  type ReleaseFormat,
  type ReleaseStep,
} from "./plan-release.ts";

type WholeDigest = {
  /** Takes the next bytes; offsets ascend, and gaps are zeros. */
  readonly update: (offset: number, data: Uint8Array) => void;
  /** The digest in hex; to be called once, after the last byte. */
  readonly digest: () => string;
};

const ZEROS = Buffer.alloc(1024 * 1024);

const createWholeDigest = (size: number): WholeDigest => {
  const hash = createHash("sha256");
  let done = 0;
  const fill = (end: number): void => {
    while (done < end) {
      const length = Math.min(ZEROS.length, end - done);
      hash.update(ZEROS.subarray(0, length));
      done += length;
    }
  };
  return {
    update: (offset, data) => {
      fill(offset);
      hash.update(data);
      done += data.length;
    },
    digest: () => {
      fill(size);
      return hash.digest("hex");
    },
  };
};

/** A released file: its name, its size in bytes and its SHA-256 in hex. */
export type ReleasedFile = {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
};

export type WrittenImage = {
  /** Bytes of the raw image. */
  readonly imageBytes: number;
  /** SHA-256 of the raw image. */
  readonly imageSha256: string;
  /** One archive for each format, in the formats' order. */
  readonly archives: readonly ReleasedFile[];
};

type ImageJob = {
  readonly step: ReleaseStep;
  readonly out: string;
  readonly formats: readonly ReleaseFormat[];
  readonly base: ProvenBase;
  readonly size: number;
  readonly patch: Patch;
  /** The block map. */
  readonly ranges: readonly Range[];
  readonly report: Report;
  readonly signal: AbortSignal;
};

/** A release holds no secret, and another user may be the one who publishes it. */
const PUBLIC_MODE = 0o644;

const writeArchive = async (job: ImageJob, format: ReleaseFormat) => {
  const { step, size, patch, ranges, report, signal } = job;
  const file = imageFile(step, format);
  const whole = createWholeDigest(size);
  const base = await openRawBase(job.base);
  try {
    const written = await writeCompressedImage({
      base,
      size,
      patch,
      ranges,
      format: format === "img.xz" ? "xz" : "zstd",
      path: join(job.out, file),
      mode: PUBLIC_MODE,
      observe: whole.update,
      subject: file,
      report,
      signal,
    });
    return { ...written, file, imageSha256: whole.digest() };
  } finally {
    await base.close();
  }
};

export const writeImage = async (job: ImageJob): Promise<WrittenImage> => {
  const { step, size, ranges, formats } = job;
  const archives: ReleasedFile[] = [];
  let imageSha256 = "";
  let digests: readonly string[] = [];
  for (const format of formats) {
    const { file, bytes, sha256, ...image } = await writeArchive(job, format);
    archives.push({ file, bytes, sha256 });
    imageSha256 = image.imageSha256;
    digests = image.ranges;
  }
  await writeFileAtomically(
    join(job.out, bmapFile(step)),
    renderBmap({
      imageSize: size,
      ranges: ranges.map((range, index) => ({
        ...range,
        sha256: digests[index] ?? "",
      })),
    }),
  );
  return { imageBytes: size, imageSha256, archives };
};
