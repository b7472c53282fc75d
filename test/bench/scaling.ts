// How time grows: with targets that share one decode, with nodes of a build, with the size of the image.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { inspectTarget } from "../../src/device/look/inspect-target.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import { flashImage } from "../../src/flash/run-flash.ts";
import { writeRanges } from "../../src/flash/segments.ts";
import { mapUsed } from "../../src/image/block-map.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import { type BenchImage, benchImage } from "./bench-image.ts";
import { OURS } from "./contenders.ts";
import { measure } from "./measure.ts";
import { median } from "./statistics.ts";
import { makeTarget, type TargetKind } from "./targets.ts";

/** `x` is what was varied, `seconds` the median. */
export type Point = { readonly x: number; readonly seconds: number };

export type Scaling = {
  readonly targets: readonly Point[];
  readonly nodes: readonly Point[];
  readonly sizes: readonly Point[];
};

type Options = {
  readonly work: string;
  readonly kind: TargetKind;
  readonly rounds: number;
  readonly env: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
};

const repeat = async (
  rounds: number,
  run: () => Promise<number>,
): Promise<number> => {
  const all: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    all.push(await run());
  }
  return median(all);
};

const flashTo = async (
  image: BenchImage,
  count: number,
  { work, kind }: Options,
): Promise<number> => {
  const targets = Array.from({ length: count }, (_, index) =>
    makeTarget(kind, join(work, `card-${index}`), image.mebibytes),
  );
  const reader = await openImage(image.xz);
  try {
    const { size, source } = reader;
    if (size === undefined || source === undefined) {
      throw new Error(
        "an .xz of several blocks tells its size and can be read at random",
      );
    }
    const started = performance.now();
    const { ranges } = await mapUsed(source);
    const opened = [];
    for (const { path } of targets) {
      const target = await inspectTarget(path, listDevices);
      if (target.kind === "unusable") {
        throw new Error(`${path}: ${target.reason}`);
      }
      opened.push({
        target: await openTarget(target, size, listDevices),
        patch: [],
      });
    }
    const results = await flashImage({
      reader,
      ranges: writeRanges(ranges, size),
      wipe: false,
      discard: true,
      targets: opened,
      report: () => undefined,
    });
    for (const { error } of results) {
      if (error !== undefined) {
        throw error;
      }
    }
    return (performance.now() - started) / 1000;
  } finally {
    await reader.close();
    targets.forEach(({ remove }) => remove());
  }
};

const inventory = (nodes: number): string => {
  const workers = Array.from(
    { length: nodes - 1 },
    (_, index) => `  - {name: worker${index + 1}, role: worker}\n`,
  );
  return `cluster:
  name: bench
  endpoint: cplane
  podSubnet: 10.244.0.0/14
defaults:
  users: [{name: ana, sshKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx0v0rI5O1TQbY6N2mWqUqvXkqjW1kJv2S3a3o0jv3E ana"]}]
nodes:
  - {name: cplane, role: control-plane, address: 10.0.0.2/16, gateway: 10.0.0.1}
${workers.join("")}`;
};

/** Of a project whose secrets exist and whose base is known: the second build. */
const buildSeeds = async (
  nodes: number,
  { work, env, rounds }: Options,
): Promise<number> => {
  const folder = join(work, `nodes-${nodes}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cluster.yaml"), inventory(nodes));
  const script = 'cd "$FOLDER"; node "$CLI" build --format seed --base sample';
  const build = () => measure(script, { ...env, FOLDER: folder });
  await build();
  return repeat(rounds, async () => (await build()).seconds);
};

export const measureScaling = async (
  counts: {
    readonly targets: readonly number[];
    readonly nodes: readonly number[];
    readonly sizes: readonly number[];
  },
  options: Options,
): Promise<Scaling> => {
  const { work, kind, rounds, env, say } = options;
  const curve = async (
    what: string,
    xs: readonly number[],
    run: (x: number) => Promise<number>,
  ): Promise<readonly Point[]> => {
    const points: Point[] = [];
    for (const x of xs) {
      const seconds = await run(x);
      say(`${x} ${what}: ${seconds.toFixed(1)} s`);
      points.push({ x, seconds });
    }
    return points;
  };
  const smallest = await benchImage(work, Math.min(...counts.sizes));
  return {
    targets: await curve("targets", counts.targets, (count) =>
      repeat(rounds, () => flashTo(smallest, count, options)),
    ),
    nodes: await curve("nodes", counts.nodes, (nodes) =>
      buildSeeds(nodes, options),
    ),
    sizes: await curve("MiB", counts.sizes, async (mebibytes) => {
      const image = await benchImage(work, mebibytes);
      const target = makeTarget(kind, join(work, "card"), mebibytes);
      try {
        const variables = { ...env, KNOWN: image.known, TARGET: target.path };
        return await repeat(
          rounds,
          async () => (await measure(OURS.script, variables)).seconds,
        );
      } finally {
        target.remove();
      }
    }),
  };
};
