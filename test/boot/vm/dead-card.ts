// What a card holds when its machine is off, looked at without mounting its boot partition.
import { mkdir } from "node:fs/promises";
import { runTool, tryTool } from "../../../src/system/run/run-tool.ts";
import { BOOT_OFFSET, ROOT_OFFSET } from "../base/disk-layout.ts";

const MIB = 1024 * 1024;

/** Secret lines that lie anywhere in the bytes of the boot partition, free clusters included. */
export const secretsInBootPartition = async (
  card: string,
  secrets: readonly string[],
): Promise<readonly string[]> => {
  const bytes = ROOT_OFFSET - BOOT_OFFSET;
  const found = await tryTool("sh", [
    "-c",
    'dd if="$1" bs=1M skip="$2" count="$3" status=none | grep -aoFf /dev/fd/3 3<<END\n$4\nEND',
    "sh",
    card,
    String(BOOT_OFFSET / MIB),
    String(Math.ceil(bytes / MIB)),
    secrets.join("\n"),
  ]);
  return found.stdout.split("\n").filter((line) => line !== "");
};

/** Files of the root partition that hold one of the lines, with paths from its root. */
export const secretsInRootPartition = async (
  card: string,
  folder: string,
  secrets: readonly string[],
): Promise<readonly string[]> => {
  await mkdir(folder, { recursive: true });
  await runTool("mount", ["-o", `loop,offset=${ROOT_OFFSET}`, card, folder]);
  try {
    const found = await tryTool(
      "grep",
      ["-rlF", "--exclude-dir=stand-ins", "-f", "-", folder],
      { input: secrets.join("\n") },
    );
    return found.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((file) => file.slice(folder.length))
      .toSorted();
  } finally {
    await runTool("umount", [folder]);
  }
};
