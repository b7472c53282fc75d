// pi-image complete: answers the shells' completions at each tab. It never prints a message; what cannot be found out is not
// offered.
import { loadCatalogue } from "../base/load-catalogue.ts";
import type { BlockDevice } from "../device/block-device.ts";
import { listDevices } from "../device/helper/device-work.ts";
import { INVENTORY_LIMIT } from "../inventory/load/load-inventory.ts";
import { loadText } from "../inventory/load/load-text.ts";
import { parseYamlFile } from "../inventory/yaml/yaml-file.ts";
import { formatBytes } from "../report/amounts.ts";
import type { Context } from "../terminal/context.ts";
import type { CommandTree } from "../terminal/manual/command-tree.ts";
import {
  type OfferedWord,
  type Offers,
  offersFor,
  typedInventory,
} from "../terminal/manual/offers.ts";
import { z } from "zod";

/** What the shell should offer in addition. */
type Besides = "files" | "folders" | "nothing";

/** A shell would split or interpret any other word, and an inventory may come from a stranger. */
const PLAIN_WORD = /^[\w./:@%+,-]+$/;

const namedNodes = z.object({
  nodes: z.array(z.object({ name: z.string(), role: z.string().optional() })),
});

const nodesIn = async (path: string): Promise<readonly OfferedWord[]> => {
  const { text } = await loadText(path, INVENTORY_LIMIT);
  const parsed = namedNodes.safeParse(parseYamlFile(path, text ?? "").data);
  return (parsed.data?.nodes ?? []).map(({ name, role }) => ({
    word: name,
    summary: role ?? "",
  }));
};

const titleOfDevice = ({ size, vendor, model }: BlockDevice): string =>
  [formatBytes(size), vendor, model].filter(Boolean).join(" ");

/** Whole disks that have a medium and are not needed by the running system. */
const targets = async (): Promise<readonly OfferedWord[]> =>
  (await listDevices())
    .filter(
      ({ kind, size, system, uses }) =>
        kind === "disk" &&
        size > 0 &&
        system === undefined &&
        uses.length === 0,
    )
    .map((device) => ({ word: device.path, summary: titleOfDevice(device) }));

const lookedUp = async (
  { kind }: Exclude<Offers, { kind: "words" }>,
  context: Context,
  typed: readonly string[],
): Promise<{
  readonly words: readonly OfferedWord[];
  readonly besides: Besides;
}> => {
  switch (kind) {
    case "file":
      return { words: [], besides: "files" };
    case "folder":
      return { words: [], besides: "folders" };
    case "text":
      return { words: [], besides: "nothing" };
    case "node":
      return {
        words: await nodesIn(typedInventory(typed) ?? "cluster.yaml"),
        besides: "nothing",
      };
    case "base": {
      const { releases } = await loadCatalogue(context.env);
      const words = [...releases.keys()].map((word) => ({ word, summary: "" }));
      return { words, besides: "files" };
    }
    case "target":
      return { words: await targets(), besides: "files" };
  }
};

/** @param typed the words after the program's name up to the cursor; the last one may be empty */
export const complete = async (
  tree: CommandTree,
  context: Context,
  typed: readonly string[],
): Promise<void> => {
  const offers = offersFor(tree, typed);
  const { words, besides } =
    offers.kind === "words"
      ? { words: offers.words, besides: "nothing" }
      : await lookedUp(offers, context, typed);
  const current = (typed.at(-1) ?? "").replace(/^--[^=]+=|^=$/, "");
  const lines = words
    .filter(({ word }) => PLAIN_WORD.test(word) && word.startsWith(current))
    .map(({ word, summary }) => `${word}\t${summary.replaceAll(/\s+/g, " ")}`);
  // The shell needs this output, whatever --quiet and --json say.
  process.stdout.write(`${[besides, ...lines].join("\n")}\n`);
};
