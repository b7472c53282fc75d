// pi-image build: one image per node, from the inventory, the cluster's secrets and a base.
import { webcrypto } from "node:crypto";
import { relative } from "node:path";
import { z } from "zod";
import { borrowSecrets, secretsFile } from "../build/cluster-secrets.ts";
import { openBases } from "../build/open-bases.ts";
import { explainFullDisk, prepareOutFolder } from "../build/out-folder.ts";
import {
  BUILD_FORMATS,
  type BuildPlan,
  nodePaths,
  planBuild,
} from "../build/plan-build.ts";
import { type NodeSeed, renderSeeds } from "../build/render-seeds.ts";
import { buildNodes } from "../build/run-build.ts";
import { writeClusterFiles } from "../build/write-cluster-files.ts";
import { selectNodes } from "../inventory/select-nodes.ts";
import type { ClusterSecrets } from "../kubernetes/cluster-secrets.ts";
import { keepSecrets } from "../kubernetes/store-secrets.ts";
import { buildTime } from "../system/clock.ts";
import { packageVersion } from "../system/package-files.ts";
import type { Context } from "./context.ts";
import { demandNoErrors, openProject } from "./project.ts";

const buildOptions = z.object({
  inventory: z.string(),
  host: z.array(z.string()).optional(),
  role: z.string().optional(),
  base: z.string().optional(),
  sha256: z.string().optional(),
  format: z.enum(BUILD_FORMATS),
  out: z.string(),
  insecure: z.boolean().optional(),
  encryptTo: z.array(z.string()).optional(),
  dryRun: z.boolean().optional(),
});

const printPlan = (context: Context, plan: BuildPlan): void => {
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

export const build = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = buildOptions.parse(given);
  const { format, out } = options;
  const { env, report, signal } = context;
  const time = buildTime(env);
  const version = packageVersion();

  const loaded = await openProject(context, {
    inventory: options.inventory,
    hosts: options.host,
    role: options.role,
    mayBeImplied: true,
    secrets: "needed",
  });
  const { project, folder } = loaded;
  const nodes = selectNodes(project, {
    hosts: options.host ?? [],
    role: options.role,
  });
  const borrowed = await borrowSecrets(folder, project, env);
  const render = (secrets: ClusterSecrets): readonly NodeSeed[] => {
    const { seeds, problems } = renderSeeds({
      project,
      nodes,
      secrets,
      library: loaded.library,
      buildTime: time,
      version,
      kubernetesKey: undefined,
      manifests: [],
    });
    demandNoErrors(context, problems, loaded.files);
    return seeds;
  };
  // Rendered once before anything is written, so that every problem comes first.
  render(borrowed.secrets);
  const file = secretsFile(folder, project);
  const plan = planBuild({
    cluster: project.cluster.name,
    nodes,
    format,
    out,
    base: options.base,
    buildTime: time,
    secretsFile: relative(context.cwd, file),
    secretsExist: borrowed.exist,
  });
  if (options.dryRun === true) {
    printPlan(context, plan);
    return;
  }

  const bases = await openBases(
    plan.steps.map(({ base }) => base),
    {
      explicit: options.base !== undefined,
      sha256: options.sha256,
      insecure: options.insecure === true,
      env,
      report,
      signal,
    },
  );
  try {
    await prepareOutFolder(out);
    const kept = await keepSecrets(
      file,
      project,
      // Certificates end by the real clock, whatever SOURCE_DATE_EPOCH says.
      { now: new Date(), crypto: webcrypto },
      { env, encryptTo: options.encryptTo },
    );
    for (const change of kept.changes) {
      context.remark(change);
    }
    const seeds = render(kept.secrets);
    const job = {
      project,
      out,
      format,
      buildTime: time,
      version,
      report,
      signal,
    };
    await explainFullDisk(out, async () => {
      for (const [name, base] of bases) {
        const mine = seeds.filter(
          ({ node }) => (options.base ?? node.base) === name,
        );
        await buildNodes(job, base, mine);
      }
      await writeClusterFiles(out, project, kept.secrets);
    });
  } finally {
    await Promise.all([...bases.values()].map((base) => base.close()));
  }
  context.printJson({ type: "result", plan });
  context.print(
    plan.steps
      .map(
        ({ node }) =>
          `built ${nodePaths(out, node, format).image ?? nodePaths(out, node, format).folder}`,
      )
      .join("\n"),
  );
};
