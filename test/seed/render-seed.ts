// The seed of one node at once, with what is supplied for it.
import { fillSeed, type SeedInput } from "../../src/seed/fill-seed.ts";
import type { SeedSupplies } from "../../src/seed/node-files.ts";
import { supplySeed } from "../../src/seed/supply-seed.ts";

export type WholeSeedInput = SeedInput & Partial<SeedSupplies>;

export const renderSeed = ({
  kubernetesKey,
  manifests = [],
  bundle,
  ...input
}: WholeSeedInput) => {
  const { filled, problems } = fillSeed(input, []);
  return filled === undefined
    ? { seed: undefined, problems }
    : supplySeed(filled, { kubernetesKey, manifests, bundle });
};
