// Makes the seeds of the chosen nodes from what a run has at hand: as often as the secrets or the supplies change.
import type { ResolvedNode } from "../inventory/resolved.ts";
import { publicKeyHash } from "../kubernetes/certificate.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import type { FilledSeed } from "../seed/fill-seed.ts";
import type { SuppliedManifest } from "../seed/node-files.ts";
import type { Supplies } from "../supplies/gather-supplies.ts";
import { type Lock, ranOn } from "../supplies/lock.ts";
import type { RestoredState } from "./load-restore.ts";
import {
  type CommandSurroundings,
  demandNoErrors,
  type OpenedProject,
} from "./opened-project.ts";
import { fillSeeds, type NodeSeed, supplySeeds } from "./render-seeds.ts";

type Ingredients = {
  readonly nodes: readonly ResolvedNode[];
  /** The manifests of the inventory's `file:` add-ons. */
  readonly manifests: readonly SuppliedManifest[];
  readonly lock: Lock | undefined;
  readonly buildTime: Date;
  readonly version: string;
  /** What the one card begins with; undefined where none does. */
  readonly restore: RestoredState | undefined;
};

type SeedMaker = {
  /** Finds what is wrong as far as nothing has to be fetched for it. */
  readonly check: (secrets: ClusterSecrets) => void;
  /** @param indexes the digests of the bundles' indexes, by the inventory's name of the base */
  readonly make: (
    secrets: ClusterSecrets,
    supplies: Supplies,
    indexes: ReadonlyMap<string, string>,
  ) => readonly NodeSeed[];
};

/** Both functions show every problem, and throw PROJECT_HAS_PROBLEMS. */
export const seedMaker = (
  surroundings: CommandSurroundings,
  { project, library, files }: OpenedProject,
  { nodes, manifests, lock, buildTime, version, restore }: Ingredients,
): SeedMaker => {
  const fill = (
    secrets: ClusterSecrets,
    restores?: string,
  ): readonly FilledSeed[] => {
    const { filled, problems } = fillSeeds({
      project,
      nodes,
      secrets,
      library,
      buildTime,
      ranOn: ranOn(lock, publicKeyHash(secrets.ca.certificate)),
      restores,
      version,
      manifests,
    });
    demandNoErrors(surroundings, problems, files);
    return filled;
  };
  const supply = (
    filled: readonly FilledSeed[],
    supplies: Supplies,
    indexes: ReadonlyMap<string, string>,
  ): readonly NodeSeed[] => {
    const { seeds, problems } = supplySeeds(filled, supplies, indexes);
    demandNoErrors(surroundings, problems, files);
    return seeds;
  };
  return {
    check: (secrets) => {
      fill(secrets);
    },
    make: (secrets, supplies, indexes) => {
      const plain = supply(fill(secrets), supplies, indexes);
      return restore === undefined
        ? plain
        : supply(fill(secrets, restore.digest), supplies, indexes).map(
            (seed, index) => ({
              ...seed,
              restore: {
                ...restore,
                otherwise: plain[index]?.seed.instanceId ?? "",
              },
            }),
          );
    },
  };
};
