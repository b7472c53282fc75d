// Reads only `trust:` of an inventory, because a ready-made image is flashed even where the rest of the inventory is wrong.
import { hasErrors, type Problem } from "../../report/problem.ts";
import { inventorySchema } from "../schema/cluster-schema.ts";
import { INVENTORY_LIMIT, unreadableInventory } from "./load-inventory.ts";
import { loadText } from "./load-text.ts";
import { parseInventory } from "../parse-inventory.ts";
import {
  type Mistake,
  schemaMistakes,
  valueAt,
} from "../yaml/schema-mistakes.ts";
import { closest } from "../wording.ts";
import { parseYamlFile } from "../yaml/yaml-file.ts";

export type LoadedTrust = {
  /** Fingerprints as they were written; empty where none are given. */
  readonly keys: readonly string[];
  /** What makes it uncertain which keys are trusted. */
  readonly problems: readonly Problem[];
  /** Texts for code frames, without secrets. */
  readonly files: ReadonlyMap<string, string>;
};

const KEY = "trust";

/** Whether a mistake is inside `trust`, or is a key that was probably meant to be it, mistyped or in the wrong place. */
const isAboutTrust = ({ path, kind }: Mistake): boolean =>
  path[0] === KEY ||
  (kind === "unknown" &&
    (/trust|sign/i.test(String(path.at(-1))) ||
      closest(String(path.at(-1)), [KEY]) !== undefined));

/**
 * Never throws for what is in the file. A missing file names no keys; a file that cannot be read, broken YAML and a mistyped
 * key are problems, because they may hide the very keys that protect the user.
 */
export const loadTrust = async (path: string): Promise<LoadedTrust> => {
  const file = await loadText(path, INVENTORY_LIMIT);
  if (file.text === undefined) {
    return {
      keys: [],
      problems: file.missing ? [] : [unreadableInventory(path, file)],
      files: new Map(),
    };
  }
  const yaml = parseYamlFile(path, file.text);
  const mistakes = schemaMistakes(inventorySchema, yaml.data);
  if (hasErrors(yaml.problems) || mistakes.some(isAboutTrust)) {
    const { problems, shown } = parseInventory(path, file.text);
    return { keys: [], problems, files: new Map([[path, shown]]) };
  }
  const keys = valueAt(yaml.data, [KEY]);
  return {
    keys: Array.isArray(keys) ? keys.map(String) : [],
    problems: [],
    files: new Map(),
  };
};
