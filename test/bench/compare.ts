// Runs pi-image and each rival in turn on the same image and target, and puts the medians side by side.
import type { BenchImage } from "./bench-image.ts";
import { type Contender, OURS, RIVALS } from "./contenders.ts";
import { type Measured, measure } from "./measure.ts";
import { median } from "./statistics.ts";
import type { BenchTarget } from "./targets.ts";

export type Row = {
  readonly name: string;
  readonly lacks: string | undefined;
  /** Medians over all rounds. */
  readonly measured: Measured;
  /** Medians over the pairs: pi-image's value by the rival's; undefined for pi-image itself. */
  readonly ratio: { readonly wall: number; readonly cpu: number } | undefined;
};

export type Comparison = {
  readonly rows: readonly Row[];
  /** Contenders that are not installed, with what they lack. */
  readonly skipped: readonly {
    readonly name: string;
    readonly needs: string;
  }[];
};

type Options = {
  readonly rounds: number;
  readonly env: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
};

const medians = (all: readonly Measured[]): Measured => ({
  seconds: median(all.map(({ seconds }) => seconds)),
  cpuSeconds: median(all.map(({ cpuSeconds }) => cpuSeconds)),
  peakMiB: median(all.map(({ peakMiB }) => peakMiB)),
});

type Pair = { readonly ours: Measured; readonly theirs: Measured };

const rowOf = (rival: Contender, pairs: readonly Pair[]): Row => ({
  name: rival.name,
  lacks: rival.lacks,
  measured: medians(pairs.map(({ theirs }) => theirs)),
  ratio: {
    wall: median(
      pairs.map(({ ours, theirs }) => ours.seconds / theirs.seconds),
    ),
    cpu: median(
      pairs.map(({ ours, theirs }) => ours.cpuSeconds / theirs.cpuSeconds),
    ),
  },
});

/** A machine's speed drifts, so each rival's run stands between two of ours; only ratios of neighbours count. */
export const compare = async (
  image: BenchImage,
  target: BenchTarget,
  { rounds, env, say }: Options,
): Promise<Comparison> => {
  const variables = {
    ...env,
    IMAGE: image.xz,
    KNOWN: image.known,
    BMAP: image.bmap,
    SIZE: String(image.mebibytes * 1024 ** 2),
    TARGET: target.path,
  };
  const run = async ({ name, script }: Contender): Promise<Measured> => {
    const measured = await measure(script, variables);
    say(
      `${name}: ${measured.seconds.toFixed(1)} s, processor ${measured.cpuSeconds.toFixed(1)} s, ${measured.peakMiB.toFixed(0)} MiB`,
    );
    return measured;
  };
  const present = RIVALS.filter((rival) => rival.missing() === undefined);
  const pairs = new Map<Contender, Pair[]>(present.map((rival) => [rival, []]));
  const all: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [rival, measured] of pairs) {
      const ours = await run(OURS);
      all.push(ours);
      measured.push({ ours, theirs: await run(rival) });
    }
  }
  return {
    rows: [
      {
        name: OURS.name,
        lacks: OURS.lacks,
        measured: medians(all),
        ratio: undefined,
      },
      ...[...pairs].map(([rival, measured]) => rowOf(rival, measured)),
    ],
    skipped: RIVALS.flatMap((rival) => {
      const needs = rival.missing();
      return needs === undefined ? [] : [{ name: rival.name, needs }];
    }),
  };
};
