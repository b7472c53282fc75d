// Runs one of the scripts of cloud-init/over-ssh on a node as root.
import { readFile } from "node:fs/promises";
import { packageFile } from "../../system/package-files.ts";
import { type NodeAnswer, type OverSsh, runAsRoot } from "./run-as-root.ts";

const FOLDER = "cloud-init/over-ssh";
const CARD = "cloud-init/files/usr/local/lib/pi-image";

/** What the scripts read by `source`, and where it is; some of it is also on every card. */
const SHARED = {
  "common.sh": `${FOLDER}/common.sh`,
  "etcd.sh": `${FOLDER}/etcd.sh`,
  "apt.sh": `${CARD}/apt.sh`,
  "bundle.sh": `${CARD}/bundle.sh`,
  "own-address.sh": `${CARD}/own-address.sh`,
  "cause.sh": `${CARD}/cause.sh`,
  "repositories.sh": `${CARD}/repositories.sh`,
  "restart-reason.sh": `${CARD}/restart-reason.sh`,
  "static-pods.sh": `${CARD}/static-pods.sh`,
  "snapshots.sh": `${CARD}/snapshots.sh`,
} as const;

const textOf = async (path: string): Promise<string> =>
  (await readFile(packageFile(path))).toString("utf8");

/**
 * A script of cloud-init/over-ssh with what it reads in the place of the lines that read it.
 *
 * @param script its file's name
 */
export const wholeNodeScript = async (script: string): Promise<string> => {
  let whole = await textOf(`${FOLDER}/${script}`);
  for (const [name, path] of Object.entries(SHARED)) {
    const shared = await textOf(path);
    // A function, because $ has a meaning in a replacement.
    whole = whole.replace(`\nsource ${name}\n`, () => `\n${shared}`);
  }
  return whole;
};

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
  const whole = await wholeNodeScript(script);
  return runAsRoot(
    node,
    ["bash", "-s", ...words],
    `${whole}${input}`,
    milliseconds,
    asked,
  );
};
