// Runs one of the scripts of cloud-init/over-ssh on a node as root.
import { readFile } from "node:fs/promises";
import { packageFile } from "../system/package-files.ts";
import { type NodeAnswer, type OverSsh, runAsRoot } from "./run-as-root.ts";

const FOLDER = "cloud-init/over-ssh";

const textOf = async (name: string): Promise<string> =>
  (await readFile(packageFile(`${FOLDER}/${name}`))).toString("utf8");

/**
 * The script and, behind its last line, what it reads: no secret is ever an argument, which other users of the node could see.
 *
 * @param script a file of cloud-init/over-ssh
 * @param words its arguments, of characters that no shell changes
 */
export const runNodeScript = async (
  node: string,
  [script, ...words]: readonly [script: string, ...words: readonly string[]],
  input: string,
  milliseconds: number,
  asked: OverSsh,
): Promise<NodeAnswer> => {
  const [shared, own] = await Promise.all([
    textOf("common.sh"),
    textOf(script),
  ]);
  // A function, because $ has a meaning in a replacement.
  const whole = own.replace(/^source common\.sh\n/m, () => shared);
  return runAsRoot(
    node,
    ["bash", "-s", ...words],
    `${whole}${input}`,
    milliseconds,
    asked,
  );
};
