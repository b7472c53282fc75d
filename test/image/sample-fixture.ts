// The carried sample bases as raw images in a test's folder.
import { copyFile, mkdir, open, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Range } from "../../src/image/range.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { runTool } from "../../src/system/run/run-tool.ts";

export type SampleVersion = "24.04" | "26.04";

/** Decodes a sample with xz itself; returns the raw image's path. */
export const decodeSample = async (
  version: SampleVersion,
  folder: string,
): Promise<string> => {
  const carried = packageFile(
    `profiles/base-images/sample-ubuntu-${version}.img.xz`,
  );
  const copy = join(folder, basename(carried));
  await copyFile(carried, copy);
  await runTool("xz", ["-d", copy]);
  return copy.replace(/\.xz$/, "");
};

/** Copies a range of a file into a file of its own. */
export const cutOut = async (
  path: string,
  range: Range | undefined,
  into: string,
): Promise<void> => {
  const handle = await open(path, "r");
  try {
    const bytes = Buffer.alloc(range?.length ?? 0);
    await handle.read(bytes, 0, bytes.length, range?.offset ?? 0);
    await mkdir(dirname(into), { recursive: true });
    await writeFile(into, bytes);
  } finally {
    await handle.close();
  }
};
