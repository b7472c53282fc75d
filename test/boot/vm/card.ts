// What the firmware reads from a card's boot partition: settings, kernel, initial RAM disk.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { bootPartition } from "../base/disk-layout.ts";

/** One file of the boot partition as text. */
export const readBootFile = async (
  card: string,
  name: string,
): Promise<string> =>
  (
    await runTool("mtype", ["-i", bootPartition(card), `::${name}`], {
      package: "mtools",
    })
  ).stdout;

export const copyBootFiles = async (
  card: string,
  names: readonly string[],
  to: string,
): Promise<void> => {
  await mkdir(to, { recursive: true });
  await runTool("mcopy", [
    "-o",
    "-i",
    bootPartition(card),
    ...names.map((name) => `::${name}`),
    to,
  ]);
};

/** The last value of a key in config.txt, filters ignored: the tests' base has none that changes these. */
const configValue = (config: string, key: string): string | undefined =>
  config
    .split("\n")
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1).trim())
    .at(-1);

/** The words of the effective cmdline.txt, found as the firmware finds it: os_prefix and cmdline of config.txt. */
export const kernelCommandLine = async (
  card: string,
): Promise<readonly string[]> => {
  const config = await readBootFile(card, "config.txt");
  const file = configValue(config, "cmdline") ?? "cmdline.txt";
  const prefix = configValue(config, "os_prefix") ?? "";
  const text = await readBootFile(card, join(prefix, file));
  return text.trim().split(/\s+/);
};
