// npm run bench: makes an image, compares pi-image with other flashers on it, and measures how time grows.
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hasTool } from "../support/tools.ts";
import { benchImage, IMAGE_TOOLS } from "./bench-image.ts";
import { compare } from "./compare.ts";
import { describeMachine } from "./machine.ts";
import { compilePackage } from "./compile-package.ts";
import { drawScaling } from "./plot.ts";
import { comparisonText, machineText, scalingText } from "./print.ts";
import { measureScaling } from "./scaling.ts";
import { makeTarget, removeTargets, type TargetKind } from "./targets.ts";

const USAGE = `npm run bench -- [options]
  --size MIB        image of the comparison (3584, the size of Ubuntu's)
  --rounds N        pairs of pi-image and each rival (3)
  --target KIND     loop or file (loop as root, else file)
  --scaling         the scaling run as well
  --targets LIST    targets at once (1,2,4)
  --nodes LIST      nodes of a build (1,10,100,1000)
  --sizes LIST      images in MiB (1024,2048,4096,8192)
  --plot FILE       draw the scaling run as SVG
  --work FOLDER     where images and targets are kept (a folder for temporary files)
  --json            the results as JSON`;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "3584" },
    rounds: { type: "string", default: "3" },
    target: { type: "string" },
    scaling: { type: "boolean", default: false },
    targets: { type: "string", default: "1,2,4" },
    nodes: { type: "string", default: "1,10,100,1000" },
    sizes: { type: "string", default: "1024,2048,4096,8192" },
    plot: { type: "string" },
    work: { type: "string", default: join(tmpdir(), "pi-image-bench") },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const numbers = (text: string): readonly number[] =>
  text.split(",").map(Number);

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const targetKind = (): TargetKind => {
  const wanted = values.target ?? (process.getuid?.() === 0 ? "loop" : "file");
  return wanted === "loop" ? "loop device" : "file";
};

const bench = async (): Promise<void> => {
  const missing = IMAGE_TOOLS.filter((tool) => !hasTool(tool));
  if (missing.length > 0) {
    throw new Error(`the benchmark needs ${missing.join(", ")}`);
  }
  const work = resolve(values.work);
  mkdirSync(work, { recursive: true });
  const machine = describeMachine();
  const env = {
    CLI: compilePackage(join(work, "package")),
    WORK: work,
    XDG_CACHE_HOME: join(work, "cache"),
  };
  const rounds = Number(values.rounds);
  const kind = targetKind();

  const mebibytes = Number(values.size);
  say(`making the image of ${mebibytes} MiB, or taking the one in ${work}`);
  const image = await benchImage(work, mebibytes);
  const target = makeTarget(kind, join(work, "card"), mebibytes);
  const comparison = await compare(image, target, { rounds, env, say }).finally(
    target.remove,
  );
  const scaling = values.scaling
    ? await measureScaling(
        {
          targets: numbers(values.targets),
          nodes: numbers(values.nodes),
          sizes: numbers(values.sizes),
        },
        { work, kind, rounds, env, say },
      )
    : undefined;

  if (scaling !== undefined && values.plot !== undefined) {
    writeFileSync(values.plot, drawScaling(scaling));
  }
  if (values.json) {
    console.log(
      JSON.stringify({
        machine,
        mebibytes,
        target: kind,
        rounds,
        comparison,
        scaling,
      }),
    );
    return;
  }
  console.log(
    [
      machineText(machine),
      `image: ${mebibytes} MiB, target: ${kind}, medians of ${rounds}`,
      comparisonText(comparison),
      ...(scaling === undefined ? [] : [scalingText(scaling)]),
    ].join("\n\n"),
  );
};

if (values.help) {
  console.log(USAGE);
} else {
  process.once("SIGINT", () => {
    removeTargets();
    process.kill(process.pid, "SIGINT");
  });
  await bench();
}
