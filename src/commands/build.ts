// pi-image build: one image per node, from the inventory, the cluster's secrets and a base.
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { openBases } from "../project/open-bases.ts";
import {
  demandOutFolder,
  explainFullDisk,
  prepareOutFolder,
} from "../build/out-folder.ts";
import {
  BUILD_FORMATS,
  CLUSTER_FILES,
  needsWholeBase,
  type BuildPlan,
  nodePaths,
  planBuild,
} from "../build/plan-build.ts";
import { copiesInOut } from "../project/plain-copies.ts";
import { closeOutFolder, mustBeClosed } from "../build/private-out.ts";
import { readyBases } from "../build/ready-bases.ts";
import { buildNodes } from "../build/run-build.ts";
import { writeClusterFiles } from "../build/write-cluster-files.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";
import type { Context } from "../terminal/context.ts";
import { demandSameCluster } from "./demand/demand-same-cluster.ts";
import { demandOtherFiles } from "./demand/demand-other-files.ts";
import { keepOutOfGit } from "../project/keep-out-of-git.ts";
import { carryBundles } from "../project/prepare-bundles.ts";
import { prepareSeeds } from "../project/prepare-seeds.ts";
import { showBases } from "./show-images.ts";
import { openProject } from "./open-project.ts";
import { signersOf } from "./signers.ts";
import { imageFiles } from "./source-files.ts";
import { tellLeft } from "./tell-left.ts";
import { tellOfCopies } from "./tell-of-copies.ts";

const buildOptions = z.object({
  inventory: z.string(),
  host: z.array(z.string()).optional(),
  role: z.string().optional(),
  base: z.string().optional(),
  sha256: z.string().optional(),
  signedBy: z.string().optional(),
  format: z.enum(BUILD_FORMATS),
  out: z.string(),
  insecure: z.boolean().optional(),
  encryptTo: z.array(z.string()).optional(),
  restore: z.string().optional(),
  bundle: z.string().optional(),
  allowExec: z.boolean().optional(),
  /** False for `--no-keep`. */
  keep: z.boolean().default(true),
  newCluster: z.boolean().default(false),
  dryRun: z.boolean().optional(),
});

/** Everything that a build may write or remove: an image replaces those of other formats. */
const resultsOf = (plan: BuildPlan, out: string): readonly string[] => [
  ...plan.steps.flatMap(({ node, outputs }) => [
    ...outputs,
    ...(needsWholeBase(plan.format) ? BUILD_FORMATS : []).flatMap((format) => {
      const { image, patch, bmap, checksum } = nodePaths(out, node, format);
      return [image, patch, bmap, checksum].filter(
        (path) => path !== undefined,
      );
    }),
  ]),
  ...CLUSTER_FILES.map((name) => join(out, name)),
];

const printBuildPlan = (context: Context, plan: BuildPlan): void => {
  context.printJson({ type: "plan", plan });
  context.print(
    [
      `cluster ${plan.cluster}: ${plan.steps.length} nodes as ${plan.format}`,
      `  secrets: ${plan.secrets.file} (${plan.secrets.state})`,
      ...plan.steps.flatMap(({ node, role, base, outputs }) => [
        `  ${node} (${role}) from ${base}:`,
        ...outputs.map((path) => `    ${path}`),
      ]),
      ...plan.outputs.map((path) => `  ${path}`),
    ].join("\n"),
  );
};

const withoutResults = (plan: BuildPlan): BuildPlan => ({
  ...plan,
  steps: plan.steps.map((step) => ({ ...step, outputs: [] })),
  outputs: plan.outputs.slice(CLUSTER_FILES.length),
});

export const build = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = buildOptions.parse(given);
  const { keep, out } = options;
  // Where no images are kept, the few blocks that a seed needs already show whether each node can be built.
  const format = keep ? options.format : "seed";
  const { env, report, signal } = context;
  const { inventory, host: hosts, role, base } = options;
  const opened = await openProject(context, {
    inventory,
    hosts,
    role,
    mayBeImplied: true,
    // A plan runs no command of an inventory and asks no questions.
    secrets: options.dryRun === true ? "unasked" : "needed",
    consent: { allowExec: options.allowExec === true, remember: true },
  });
  const { encryptTo } = options;
  const prepared = await prepareSeeds(context, opened, {
    inventory,
    hosts,
    role,
    base,
    encryptTo,
    restore: options.restore,
    bundle: options.bundle,
  });
  if (!options.newCluster) {
    await demandSameCluster(context, prepared, out);
  }
  const { project, nodes, buildTime, version } = prepared;
  const whole = planBuild({
    cluster: project.cluster.name,
    nodes,
    format,
    out,
    base: options.base,
    buildTime,
    secretsFile: relative(context.cwd, prepared.secretsFile),
    secretsExist: prepared.secretsExist,
    lockFile: relative(context.cwd, prepared.lockFile),
  });
  const plan = keep ? whole : withoutResults(whole);
  if (options.dryRun === true) {
    printBuildPlan(context, plan);
    tellLeft(context, options.inventory, prepared);
    return;
  }

  if (keep) {
    await demandOutFolder(out);
    await mustBeClosed(out);
  }
  const bases = await openBases(
    plan.steps.map(({ base }) => base),
    {
      ...prepared.basesFrom,
      parts: !needsWholeBase(format),
      explicit: options.base !== undefined,
      sha256: options.sha256,
      signedBy: signersOf(options, opened.trust),
      insecure: options.insecure === true,
      env,
      report,
      signal,
    },
  );
  let closeBundles = async (): Promise<void> => undefined;
  try {
    await demandOtherFiles(keep ? resultsOf(plan, out) : [], [
      ...[...bases.values()].flatMap(({ path }) =>
        imageFiles(path, "the base image"),
      ),
      ...prepared.files,
    ]);
    const job = { project, out, format, buildTime, version, report, signal };
    const supplied = await prepared.supply({ base: options.base, bases });
    const { carrying, close } = await carryBundles(bases, supplied.bundles);
    closeBundles = close;
    const baseOf = (node: ResolvedNode): string => options.base ?? node.base;
    const ready = await readyBases(job, carrying, supplied.seeds, baseOf);
    const purpose = needsWholeBase(format) ? "image" : "seed";
    await showBases(context, bases.values(), purpose);

    const { secrets, seeds, encrypted } = await supplied.keep();
    if (keep) {
      await closeOutFolder(out, report);
      await prepareOutFolder(out);
    }
    const { secretsFile } = prepared;
    await keepOutOfGit(context, {
      folder: dirname(secretsFile),
      secretsFile,
      out,
    });
    if (keep) {
      await explainFullDisk(out, async () => {
        for (const [name, base] of carrying) {
          const readied = ready.get(name);
          const mine = seeds.filter(({ node }) => baseOf(node) === name);
          if (readied !== undefined) {
            await buildNodes(job, base, readied, mine);
          }
        }
        const kept = await writeClusterFiles(out, project, secrets);
        if (kept !== undefined) {
          context.remark(`The kubeconfig of another cluster is now ${kept}.`);
        }
      });
    }
    if (encrypted) {
      tellOfCopies(context, secretsFile, await copiesInOut(out), `in ${out}`);
    }
  } finally {
    await closeBundles();
    await Promise.all([...bases.values()].map((base) => base.close()));
  }
  context.printJson({ type: "result", plan });
  if (!keep) {
    context.print(
      `Every node can be made; no image was written. For each card: pi-image flash TARGET --host NODE`,
    );
    return;
  }
  context.print(
    plan.steps
      .map(({ node }) => {
        const { image, patch, folder } = nodePaths(out, node, format);
        return `built ${image ?? patch ?? folder}`;
      })
      .join("\n"),
  );
};
