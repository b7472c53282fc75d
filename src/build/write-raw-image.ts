// Writes a node's raw image: a copy of the decoded base with the patch in it.
import {
  constants,
  copyFile,
  type FileHandle,
  open,
  rm,
} from "node:fs/promises";
import { platform } from "node:process";
import type { Carried } from "../base/proven-base.ts";
import { openImage } from "../image/archive/open-image.ts";
import { insertedReader } from "../image/insertion.ts";
import type { Patch } from "../image/patch.ts";
import { normaliseRanges, type Range } from "../image/range.ts";
import type { Report } from "../report/events.ts";
import { publishFile, temporaryName } from "../system/atomic-file.ts";
import { writeAt } from "../system/exact-io.ts";
import { digestImage, type ImageDigests } from "./digest-image.ts";
import { runTool, tryTool } from "../system/run/run-tool.ts";

// Copies a file as cheaply as the file system allows: with shared blocks, or else keeping its holes.

/** Copies `from` onto the existing or new file `to`; a new file's mode is `from`'s, an existing one keeps its own. */
const copySparse = async (
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> => {
  if (platform !== "linux") {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return;
  }
  // GNU cp refuses --sparse=always together with --reflink, so they are tried one after the other.
  const reflink = await tryTool("cp", ["--reflink=always", "--", from, to], {
    signal,
    package: "coreutils",
  });
  if (reflink.status !== 0) {
    await runTool(
      "cp",
      ["--reflink=never", "--sparse=always", "--", from, to],
      { signal, package: "coreutils" },
    );
  }
};

/** The ranges between blocks of zeros. */
const withoutZeros = (data: Uint8Array): readonly Range[] => {
  const blocks: Range[] = [];
  for (let offset = 0; offset < data.length; offset += HOLE) {
    const block = data.subarray(offset, offset + HOLE);
    if (Buffer.compare(block, ZEROS.subarray(0, block.length)) !== 0) {
      blocks.push({ offset, length: block.length });
    }
  }
  return normaliseRanges(blocks);
};

/** With what the base carries in it, everything behind that lies elsewhere; blocks of zeros become holes. */
const copyAround = async (
  rawBase: string,
  handle: FileHandle,
  { insertion, path }: Carried,
  signal: AbortSignal,
): Promise<void> => {
  const base = await openImage(rawBase);
  const reader = insertedReader(base, insertion, path, undefined);
  try {
    await handle.truncate(reader.size);
    for await (const { offset, data } of reader.chunks()) {
      signal.throwIfAborted();
      for (const { offset: at, length } of withoutZeros(data)) {
        await writeAt(handle, data.subarray(at, at + length), offset + at);
      }
    }
  } finally {
    await reader.close();
  }
};

type RawImage = {
  /** The decoded base. */
  readonly rawBase: string;
  readonly carries?: Carried | undefined;
  readonly patch: Patch;
  /** The block map, whose ranges get digests. */
  readonly ranges: readonly Range[];
  readonly path: string;
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

/** Bytes; small enough for the holes of a base's root file system, and large enough to be written quickly. */
const HOLE = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE);

/** Images hold the node's secrets. */
export const IMAGE_MODE = 0o600;

/** Writes under a temporary name; the final name appears when the whole image is on disk. */
export const writeRawImage = async (image: RawImage): Promise<ImageDigests> => {
  const { path, subject, report, signal } = image;
  const temporary = temporaryName(path);
  try {
    await (await open(temporary, "wx", IMAGE_MODE)).close();
    report({ type: "phase", phase: "copy base", subject });
    const { carries } = image;
    if (carries === undefined) {
      await copySparse(image.rawBase, temporary, signal);
    }
    const handle = await open(temporary, "r+");
    try {
      if (carries !== undefined) {
        await copyAround(image.rawBase, handle, carries, signal);
      }
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
