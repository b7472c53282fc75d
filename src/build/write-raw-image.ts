// Writes a node's raw image: a copy of the decoded base with the patch in it.
import { open, rm, constants, copyFile } from "node:fs/promises";
import { platform } from "node:process";
import type { Patch } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
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

/** Writes under a temporary name; the final name appears when the whole image is on disk. */
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
