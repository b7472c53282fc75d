// The seeds of all golden cases, and what cloud-init takes from them.
import { parse } from "yaml";
import { goldenCases, type GoldenNode, renderCase } from "./golden-cases.ts";
import { packageLibrary } from "./sample-project.ts";

/** Every node of every golden case. */
export const seeds: readonly (GoldenNode & { readonly name: string })[] = (
  await Promise.all(
    goldenCases.map(async (name) =>
      (await renderCase(name, await packageLibrary())).map((golden) => ({
        ...golden,
        name: `${name}/${golden.node.name}`,
      })),
    ),
  )
).flat();

export type CloudConfig = {
  readonly bootcmd: readonly (readonly string[])[];
  readonly runcmd: readonly (readonly string[])[];
  readonly write_files: readonly {
    readonly path: string;
    readonly content: string;
  }[];
};

export const configs = seeds.map(({ name, seed }) => ({
  name,
  config: parse(seed.userData) as CloudConfig,
}));

/** Every different text that a node has under this path. */
export const texts = (path: string): readonly string[] => [
  ...new Set(
    configs.flatMap(({ config }) =>
      config.write_files.flatMap((entry) =>
        entry.path === path ? [entry.content] : [],
      ),
    ),
  ),
];
