// The settings of a node: its own, those of `defaults`, and the built-in values where neither says anything.
import type { Problem } from "../report/problem.ts";
import type { Inventory } from "./schema/cluster-schema.ts";
import type { Draft, DraftNode } from "./draft.ts";
import type { Path } from "./yaml/yaml-file.ts";

type Settings = NonNullable<Draft["content"]["defaults"]>;

const DEFAULT_SETTINGS = {
  board: "pi5",
  base: "ubuntu-24.04",
  storage: "sd",
  keepCard: false,
  pcieGen: 2,
  eeprom: "auto",
  timezone: "Etc/UTC",
  // The one locale that needs no locale-gen at first boot.
  locale: "C.UTF-8",
} as const satisfies Inventory["defaults"];

type WrittenSettings = NonNullable<Inventory["defaults"]>;

type SettingName = keyof typeof DEFAULT_SETTINGS;

const SETTING_NAMES = Object.keys(DEFAULT_SETTINGS) as readonly SettingName[];

/** Every setting that has a built-in value: what the node says, else `defaults`, else that value. */
export const completeSettings = (
  node: Pick<WrittenSettings, SettingName>,
  defaults: WrittenSettings,
) =>
  Object.fromEntries(
    SETTING_NAMES.map((name) => [
      name,
      node[name] ?? defaults[name] ?? DEFAULT_SETTINGS[name],
    ]),
  ) as { readonly [Name in SettingName]: NonNullable<WrittenSettings[Name]> };

type NodeSetting<Key extends keyof Settings & keyof DraftNode> = {
  readonly value: DraftNode[Key];
  /** Where the setting is written, or the node itself where it is written nowhere. */
  readonly path: Path;
};

/** The value that holds for the node with this index; undefined if what is written for it is wrong in itself. */
export const settingOf = <Key extends keyof Settings & keyof DraftNode>(
  draft: Draft,
  index: number,
  key: Key,
): NodeSetting<Key> | undefined => {
  const sources = [
    { values: draft.content.nodes?.[index], path: ["nodes", index, key] },
    { values: draft.content.defaults, path: ["defaults", key] },
  ] as const;
  for (const { values, path } of sources) {
    if (draft.isBroken(path) || draft.isBroken(path.slice(0, -1))) {
      return undefined;
    }
    const value: DraftNode[Key] = values?.[key];
    if (value !== undefined) {
      return { value, path };
    }
  }
  const defaults: DraftNode = DEFAULT_SETTINGS;
  return { value: defaults[key], path: ["nodes", index] };
};

/** The node's switches added to those of `defaults`, key by key; undefined if one of the two is wrong in itself. */
export const hardwareOf = (
  draft: Draft,
  index: number,
): DraftNode["hardware"] => {
  const { defaults, nodes } = draft.content;
  const paths = [
    ["defaults", "hardware"],
    ["nodes", index, "hardware"],
  ];
  return paths.some((path) => draft.isBroken(path))
    ? undefined
    : { ...defaults?.hardware, ...nodes?.[index]?.hardware };
};

export type NumberedNode = { readonly index: number; readonly node: DraftNode };

/** The nodes that could be read, with their index in the list. */
export const nodesOf = (draft: Draft): readonly NumberedNode[] =>
  (draft.content.nodes ?? []).flatMap((node, index) =>
    node === undefined ? [] : [{ index, node }],
  );

/** Whether the node becomes one of the Kubernetes cluster. */
export const joinsCluster = ({
  role,
  joins = false,
}: Pick<DraftNode, "role" | "joins">): boolean =>
  role !== "gateway" && (role !== "storage" || joins);

/** How messages name a node. */
export const titleOf = ({ index, node }: NumberedNode): string =>
  node.name ?? `node ${index + 1}`;

/**
 * Where a problem with one node's setting is shown: at the setting, if the node itself has it, or at the node's name with a
 * label about the setting, if it comes from `defaults`.
 */
export const settingPlace = (
  draft: Draft,
  { index }: NumberedNode,
  { value, path }: { readonly value: unknown; readonly path: Path },
): Pick<Problem, "at" | "label"> => {
  if (path[0] !== "defaults") {
    return { at: draft.at(path) };
  }
  const written = `${path.at(-1)}: ${String(value)}`;
  return {
    at: draft.at(["nodes", index, "name"]),
    label: `${written} (line ${draft.at(path).line})`,
  };
};
