// The judges of a FAT file system: fsck.vfat for its structure, mtools for its content.
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";

/** Files of the volume by lower-case path, as mtools copies them out. */
export const readWithMtools = async (
  path: string,
  offset: number,
  into: string,
): Promise<Map<string, string>> => {
  mkdirSync(into, { recursive: true });
  await runTool("mcopy", [
    "-s",
    "-n",
    "-Q",
    "-i",
    `${path}@@${offset}`,
    "::/",
    into,
  ]);
  const files = new Map<string, string>();
  for (const name of readdirSync(into, { recursive: true, encoding: "utf8" })) {
    const file = join(into, name);
    if (statSync(file).isFile()) {
      files.set(
        relative(into, file).toLowerCase(),
        readFileSync(file).toString("base64"),
      );
    }
  }
  return files;
};

/** What fsck.vfat finds wrong; empty for a sound volume. It needs the partition in a file of its own. */
export const fsckFat = async (path: string): Promise<string> => {
  const result = await tryTool("fsck.vfat", ["-n", "-v", path]);
  return result.status === 0 ? "" : `${result.stdout}${result.stderr}`;
};
