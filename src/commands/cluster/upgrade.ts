// pi-image upgrade: brings a running cluster to another version of Kubernetes.
import { z } from "zod";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import {
  type PlannedUpgrade,
  planUpgrade,
  type UpgradePlan,
} from "../../cluster/upgrade/plan-upgrade.ts";
import { runUpgrade } from "../../cluster/upgrade/run-upgrade.ts";
import type {
  KubernetesVersion,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import {
  kubernetesRule,
  kubernetesVersion,
} from "../../inventory/rules/kubernetes-versions.ts";
import { setKubernetes } from "../../inventory/set-kubernetes.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { KUBE_VIP_IMAGE } from "../../kubernetes/kube-vip.ts";
import { loadLock, lockPath } from "../../project/lock-file.ts";
import { formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import { kubernetesPackages } from "../../seed/node-facts.ts";
import { gatherManifests } from "../../supplies/gather-supplies.ts";
import { loadFileAddons } from "../../supplies/load-file-addons.ts";
import { loadPins } from "../../supplies/load-pins.ts";
import { packageVersion } from "../../system/package-files.ts";
import type { Context } from "../../terminal/context.ts";
import { parseDuration } from "../../terminal/duration.ts";
import { keepBackup } from "../backup/backup.ts";
import { type KeptProject, openSoundSecrets } from "../kept-secrets.ts";
import { readInventory, replaceInventory } from "../node/inventory-text.ts";
import { tellRun } from "../tell-run.ts";

const upgradeOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  to: z.string().optional(),
  force: z.boolean().default(false),
  patience: z.string(),
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

type UpgradeOptions = z.infer<typeof upgradeOptions>;

const state = "nothing was upgraded";

const targetOf = (
  { to }: UpgradeOptions,
  { cluster }: ResolvedProject,
): KubernetesVersion => {
  if (to === undefined) {
    return cluster.kubernetes;
  }
  const wrong = kubernetesRule(to);
  if (wrong !== undefined) {
    throw new UserError("WRONG_ARGUMENTS", `--to: ${wrong.message}`, {
      hint: wrong.hint,
      state,
    });
  }
  return kubernetesVersion(to);
};

/** Nodes with a bundle know no repository of Kubernetes, and nothing brings them the images of another version. */
const demandRepository = ({ cluster }: ResolvedProject): void => {
  if (cluster.bundle) {
    throw new UserError(
      "NODE_NOT_UPGRADED",
      `the nodes of ${cluster.name} have their packages and images from a bundle, which \`upgrade\` cannot replace yet`,
      {
        hint: "stay with the version that the cluster runs; another one needs all cards flashed anew (docs/offline.md)",
        state,
      },
    );
  }
};

/** The inventory with the version; undefined where it says it already. Found out before anything is done. */
const inventoryWith = async (
  to: string,
  { inventory }: UpgradeOptions,
  project: ResolvedProject,
): Promise<string | undefined> => {
  if (project.cluster.kubernetes.patch === kubernetesVersion(to).patch) {
    return undefined;
  }
  const text = setKubernetes(
    await readInventory(inventory, "NODE_NOT_UPGRADED"),
    to,
  );
  if (text === undefined) {
    throw new UserError(
      "NODE_NOT_UPGRADED",
      `the version of Kubernetes in ${inventory} cannot be replaced`,
      {
        hint: `write \`kubernetes: "${to}"\` as a plain entry of \`cluster\`, without anchors, or write it there yourself and run \`pi-image upgrade\` without --to`,
        state,
      },
    );
  }
  return text;
};

/** What the first control plane's card would carry; all of it is at hand before the first node changes. */
const gather = async (
  context: Context,
  { folder }: KeptProject,
  project: ResolvedProject,
  { inventory }: UpgradeOptions,
): Promise<{ readonly names: readonly string[]; readonly text: string }> => {
  const { cwd, env, report, signal } = context;
  const lockFile = lockPath(folder, inventory);
  const addons = await loadFileAddons(project.cluster.addons, cwd);
  const fetched = await gatherManifests(
    {
      project,
      nodes: controlPlanes(project),
      fileAddons: addons.manifests,
      packages: kubernetesPackages(project),
      pins: await loadPins(),
      lock: await loadLock(lockFile),
      lockFile,
      whenMissing: "refuse",
      now: new Date(),
    },
    {
      env,
      report,
      signal,
      userAgent: `pi-image/${packageVersion()}`,
      network: true,
    },
  );
  const manifests = fetched.map(({ manifest }) => manifest);
  return {
    // The files are numbered in the order in which they are applied.
    names: manifests.map(({ name }) =>
      name.replace(/^\d+-(?:cni-)?(.*)\.yaml$/, "$1"),
    ),
    text: manifests.map(({ text }) => text).join("\n---\n"),
  };
};

const lineOf = (
  { name, isPlane, from, planeDone, kubeletDone, keptAway }: PlannedUpgrade,
  to: string,
): string => {
  if (planeDone && kubeletDone) {
    return `  ${name}: has ${to} already`;
  }
  const facts = [
    `${from} to ${to}`,
    ...(isPlane && !planeDone ? ["its control plane and its etcd"] : []),
    ...(kubeletDone ? [] : ["its kubelet, without its pods"]),
    ...(keptAway ? ["stays cordoned, as it is"] : []),
  ];
  return `  ${name}: ${facts.join("; ")}`;
};

const showPlan = (
  context: Context,
  plan: UpgradePlan,
  addons: readonly string[],
  print: (text: string) => void,
): void => {
  context.printJson({ type: "plan", plan, addons });
  const planes = plan.nodes.filter(({ isPlane }) => isPlane);
  print(
    [
      `Kubernetes ${plan.from} to ${plan.to.patch}, one node after the other, each when the one before it is Ready again:`,
      ...(plan.fresh
        ? [
            "  first the packages onto every node, and a backup of the cluster's state",
          ]
        : []),
      ...planes.map((node) => lineOf(node, plan.to.patch)),
      ...(addons.length === 0
        ? []
        : [`  then in the cluster: ${addons.join(", ")}`]),
      ...plan.nodes
        .filter(({ isPlane }) => !isPlane)
        .map((node) => lineOf(node, plan.to.patch)),
      ...plan.left.map(
        ([name, because]) => `  ${name} is left for later: ${because}`,
      ),
      ...(planes.length < 3
        ? ["kubectl gets no answer for a minute or more, while pods run on."]
        : []),
    ].join("\n"),
  );
};

const confirm = async (
  context: Context,
  show: (print: (text: string) => void) => void,
  { yes }: UpgradeOptions,
): Promise<void> => {
  if (yes) {
    return;
  }
  if (!context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      { hint: "to upgrade without being asked, add --yes", state },
    );
  }
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  show(context.complain);
  const answer = await context.ask({
    message: "Upgrade the cluster? Type yes to do it (anything else stops):",
    state,
  });
  if (answer.toLowerCase() !== "yes") {
    throw new UserError("CANCELLED", "you did not confirm it", { state });
  }
};

const isDone = ({ nodes }: UpgradePlan): boolean =>
  nodes.every(({ planeDone, kubeletDone }) => planeDone && kubeletDone);

type Prepared = {
  readonly kept: KeptProject;
  /** As the inventory will say it. */
  readonly project: ResolvedProject;
  readonly written: string | undefined;
  readonly options: UpgradeOptions;
};

const carryOut = async (
  context: Context,
  plan: UpgradePlan,
  { kept, project, written, options }: Prepared,
  sshConfig: string,
  manifests: string,
): Promise<void> => {
  const { patch, minor } = plan.to;
  await runUpgrade({
    project,
    plan,
    packages: kubernetesPackages(project),
    kubeVip: project.cluster.endpoint.virtual ? KUBE_VIP_IMAGE : undefined,
    manifests,
    force: options.force,
    patienceMs: parseDuration(options.patience, "--patience"),
    asked: { sshConfig, signal: context.signal },
    backUp: async () => {
      const { shown } = await keepBackup(context, kept, undefined, sshConfig);
      context.remark(`${shown} holds the cluster's state from before.`);
    },
    planesDone: async () => {
      await tellRun(
        context,
        kept.folder,
        options.inventory,
        kept.secrets,
        minor,
      );
      if (written !== undefined) {
        await replaceInventory(options.inventory, written);
        context.remark(`${options.inventory} says ${options.to} now.`);
      }
    },
    tell: (node, event) => {
      context.printJson({ ...event, type: `upgrade-${event.type}`, node });
      switch (event.type) {
        case "fetched":
          context.remark(`${node} has fetched the packages.`);
          return;
        case "plane-begun":
          context.remark(
            `${node}: upgrading the control plane; this takes some minutes.`,
          );
          return;
        case "plane-done":
          context.remark(`${node}: its control plane runs ${patch}.`);
          return;
        case "alone":
          context.remark(
            `${node} keeps its pods: there is no other node that takes them.`,
          );
          return;
        case "drained":
          if (event.pods.length > 0) {
            context.remark(`Evicted from ${node}: ${event.pods.join(", ")}`);
          }
          return;
        case "done":
          context.remark(
            `${node} runs ${patch}, Ready after ${formatSeconds(event.seconds)}.`,
          );
      }
    },
  });
};

/**
 * One minor at a time; the same command goes on where an earlier run stopped.
 *
 * @throws UserError of the inventory, the secrets and the manifests; WRONG_ARGUMENTS, CANCELLED, BACKUP_FAILED, NODE_NOT_UPGRADED
 */
export const upgrade = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = upgradeOptions.parse(given);
  parseDuration(options.patience, "--patience");
  const kept = await openSoundSecrets(context, options);
  demandRepository(kept.project);
  const to = targetOf(options, kept.project);
  const project: ResolvedProject = {
    ...kept.project,
    cluster: { ...kept.project.cluster, kubernetes: to },
  };
  const written =
    options.to === undefined
      ? undefined
      : await inventoryWith(options.to, options, kept.project);
  const plan = await withSshAccess(project, kept.secrets, async (sshConfig) => {
    const asked = { sshConfig, signal: context.signal };
    const planned = await planUpgrade(project, to, asked);
    const prepared = { kept, project, written, options };
    if (isDone(planned) && !options.dryRun) {
      // What an earlier run may not have come to.
      await carryOut(context, planned, prepared, sshConfig, "");
      return planned;
    }
    const { names, text } = await gather(context, kept, project, options);
    const addons = [
      ...(project.cluster.endpoint.virtual ? ["kube-vip"] : []),
      ...names,
    ];
    if (options.dryRun) {
      showPlan(context, planned, addons, context.print);
      return undefined;
    }
    await confirm(
      context,
      (print) => showPlan(context, planned, addons, print),
      options,
    );
    await carryOut(context, planned, prepared, sshConfig, text);
    return planned;
  });
  if (plan === undefined) {
    return;
  }
  context.printJson({
    type: "result",
    kubernetes: to.patch,
    nodes: plan.nodes.map(({ name }) => name),
    left: plan.left,
  });
  context.print(
    isDone(plan)
      ? `Every node that answers runs Kubernetes ${to.patch}.`
      : `The cluster ${plan.cluster} runs Kubernetes ${to.patch}.`,
  );
  for (const [name, because] of plan.left) {
    context.report({
      type: "warning",
      message: `${name} was not upgraded: ${because}`,
      hint: "when it is as it should be, run the same command again",
    });
  }
};
