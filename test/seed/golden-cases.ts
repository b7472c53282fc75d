// The golden clusters: their inventories, and the seeds that they give with fixed secrets and a fixed time.
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import type { Library } from "../../src/seed/library/library.ts";
import { loadLibrary } from "../../src/seed/library/load-library.ts";
import { renderSeed } from "./render-seed.ts";
import type { Seed } from "../../src/seed/seed.ts";
import { goldenFolder, packageLibrary, seedInput } from "./sample-project.ts";

/** Every folder of test/golden/ with an inventory is one cluster. */
export const goldenCases: readonly string[] = readdirSync(goldenFolder, {
  withFileTypes: true,
})
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => existsSync(join(goldenFolder, name, "cluster.yaml")))
  .toSorted();

export type GoldenNode = { readonly node: ResolvedNode; readonly seed: Seed };

/**
 * The package's library with a line in place of every script and unit: their texts stand in cloud-init/files/ for review, not
 * once more in the seed of every golden node.
 */
export const libraryWithoutScripts = async (): Promise<Library> => {
  const library = await packageLibrary();
  return {
    ...library,
    files: new Map(
      [...library.files].map(([path, text]) => [
        path,
        /^(usr|etc\/systemd)\//.test(path)
          ? `(cloud-init/files/${path})\n`
          : text,
      ]),
    ),
  };
};

/** The seeds of a case's nodes, made from this library. */
export const renderCase = async (
  name: string,
  library: Library,
): Promise<GoldenNode[]> => {
  const { project, problems } = await loadInventory({
    path: join(goldenFolder, name, "cluster.yaml"),
    env: { WIFI_PASSWORD: "correct horse battery" },
  });
  if (project === undefined) {
    throw new Error(`${name}: ${JSON.stringify(problems, undefined, 2)}`);
  }
  // A case may have fragments of its own, as a project has them beside its inventory.
  const own = await loadLibrary(join(goldenFolder, name));
  const fragments = new Map([...own.library.fragments, ...library.fragments]);
  return Promise.all(
    project.nodes.map(async (node) => {
      const { seed, problems } = renderSeed({
        ...(await seedInput(project, node)),
        library: { ...library, fragments },
        bundle: project.cluster.bundle
          ? { index: createHash("sha256").update(name).digest("hex") }
          : undefined,
        kubernetesKey:
          "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\ntest\n-----END PGP PUBLIC KEY BLOCK-----\n",
        manifests: [
          {
            name: "10-pod-network.yaml",
            text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: pod-network}\n",
          },
        ],
      });
      if (seed === undefined) {
        throw new Error(`${name}/${node.name}: ${JSON.stringify(problems)}`);
      }
      return { node, seed };
    }),
  );
};

/** The seed's files under the names they have on the boot partition. */
export const seedFiles = (seed: Seed): Readonly<Record<string, string>> => ({
  "user-data": seed.userData,
  "meta-data": seed.metaData,
  "network-config": seed.networkConfig,
});
