// Copies a file as cheaply as the file system allows: shared blocks, else holes kept as holes.
import { constants, copyFile } from "node:fs/promises";
import { platform } from "node:process";
import { runTool, tryTool } from "./run/run-tool.ts";

/** Copies `from` onto the existing or new file `to`; a new file's mode is `from`'s, an existing one keeps its own. */
export const copySparse = async (
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> => {
  if (platform !== "linux") {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return;
  }
  // GNU cp refuses --sparse=always together with a reflink, so they are two tries.
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
