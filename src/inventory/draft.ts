// What could be understood of an inventory that may still have mistakes; the cross-checks work on this.
import type { Problem } from "../report/problem.ts";
import type { Inventory } from "./schema/cluster-schema.ts";
import type { Path, YamlFile } from "./yaml/yaml-file.ts";

type Partially<T> = T extends readonly (infer Entry)[]
  ? readonly (Partially<Entry> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Partially<T[Key]> | undefined }
    : T;

export type DraftNode = Partially<Inventory["nodes"][number]>;

/** One Wi-Fi network, wherever it is written. */
export type DraftWifi = Extract<
  DraftNode["wifi"],
  { readonly country?: unknown }
>;

export type Draft = {
  readonly content: Partially<Inventory>;
  /** Whether the value at the path is wrong in itself, so that no other check can judge it. */
  readonly isBroken: (path: Path) => boolean;
  readonly at: YamlFile["at"];
  readonly keyAt: YamlFile["keyAt"];
};

/** Checks several values against each other, but only those that are right in themselves. */
export type DraftCheck = (draft: Draft) => readonly Problem[];

const remove = (data: unknown, path: Path): void => {
  const last = path.at(-1);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>(
      (value, step) =>
        typeof value === "object" && value !== null
          ? (value as Record<string | number, unknown>)[step]
          : undefined,
      data,
    );
  if (Array.isArray(parent)) {
    // The other entries keep their index, which is their place in the file.
    parent[Number(last)] = undefined;
  } else if (typeof parent === "object" && parent !== null) {
    Reflect.deleteProperty(parent, String(last));
  }
};

/** Takes everything out of the file's data that the schema refused; what is left has the schema's types. */
export const draftOf = (file: YamlFile, wrong: readonly Path[]): Draft => {
  const content: unknown = structuredClone(file.data);
  for (const path of wrong) {
    remove(content, path);
  }
  const broken = new Set(wrong.map((path) => JSON.stringify(path)));
  const nothing =
    typeof content !== "object" || content === null || broken.has("[]");
  return {
    content: nothing ? {} : (content as Partially<Inventory>),
    isBroken: (path) => broken.has(JSON.stringify(path)),
    at: file.at,
    keyAt: file.keyAt,
  };
};
