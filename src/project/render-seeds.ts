// Renders the seeds of several nodes in two steps, and collects their problems, each once.
import type { RestoredState } from "./load-restore.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";
import type { Problem } from "../report/problem.ts";
import {
  fillSeed,
  type FilledSeed,
  type SeedInput,
} from "../seed/fill-seed.ts";
import type { SeedSupplies, SuppliedManifest } from "../seed/node-files.ts";
import type { Seed } from "../seed/seed.ts";
import { supplySeed } from "../seed/supply-seed.ts";

type SeedsInput = Omit<SeedInput, "node"> & {
  readonly nodes: readonly ResolvedNode[];
  /** Those that need not be fetched. */
  readonly manifests: readonly SuppliedManifest[];
};

export type NodeSeed = {
  readonly node: ResolvedNode;
  readonly seed: Seed;
  /** What its card begins with, on the card of one control plane. */
  readonly restore?: RestoredSeed | undefined;
  /** What its card carries beside the base. */
  readonly bundle?: CarriedBundle | undefined;
};

/** The file whose bytes the card's partition for it gets. */
export type CarriedBundle = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
};

export type RestoredSeed = RestoredState & {
  /** Of the same card without the state: tells whether anything else about it has changed. */
  readonly otherwise: string;
};

const eachOnce = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(
    problems.map((problem) => [JSON.stringify(problem), problem]),
  ).values(),
];

/** `filled` lacks the nodes whose fragments have errors. */
export const fillSeeds = ({
  nodes,
  manifests,
  ...input
}: SeedsInput): {
  readonly filled: readonly FilledSeed[];
  readonly problems: readonly Problem[];
} => {
  const results = nodes.map((node) => fillSeed({ ...input, node }, manifests));
  return {
    filled: results.flatMap(({ filled }) => filled ?? []),
    problems: eachOnce(results.flatMap(({ problems }) => problems)),
  };
};

const bundleOf = (
  { base }: ResolvedNode,
  indexes: ReadonlyMap<string, string>,
): SeedSupplies["bundle"] => {
  const index = indexes.get(base);
  return index === undefined ? undefined : { index };
};

/**
 * `seeds` lacks the nodes whose fragments write a file that is supplied.
 *
 * @param indexes the digests of the bundles' indexes, by the inventory's name of the base
 */
export const supplySeeds = (
  filled: readonly FilledSeed[],
  supplies: Omit<SeedSupplies, "bundle">,
  indexes: ReadonlyMap<string, string>,
): {
  readonly seeds: readonly NodeSeed[];
  readonly problems: readonly Problem[];
} => {
  const results = filled.map((one) => ({
    node: one.node,
    ...supplySeed(one, {
      ...supplies,
      bundle: bundleOf(one.node, indexes),
    }),
  }));
  return {
    seeds: results.flatMap(({ node, seed }) =>
      seed === undefined ? [] : [{ node, seed }],
    ),
    problems: eachOnce(results.flatMap(({ problems }) => problems)),
  };
};
