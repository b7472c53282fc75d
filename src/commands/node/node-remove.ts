// pi-image node remove: takes a node out of the cluster and out of the inventory.
import { z } from "zod";
import { writeSshFiles } from "../../build/write-cluster-files.ts";
import {
  planRemoval,
  type RemovalPlan,
} from "../../cluster/nodes/plan-removal.ts";
import { runRemoval } from "../../cluster/nodes/run-removal.ts";
import type { OverSsh } from "../../cluster/over-ssh/run-as-root.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import { cutNode } from "../../inventory/cut-node.ts";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import {
  controlPlanes,
  jumpHost,
  mdnsName,
} from "../../kubernetes/addresses.ts";
import { demandKnownNode } from "../../kubernetes/revoke-node.ts";
import { forgetNode } from "../../kubernetes/secrets/forget-node.ts";
import { changeKeptSecrets } from "../../kubernetes/secrets/store-secrets.ts";
import { lockPath } from "../../project/lock-file.ts";
import { secretsFile } from "../../project/opened-project.ts";
import { UserError } from "../../report/user-error.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import type { Context } from "../../terminal/context.ts";
import { type KeptProject, openSoundSecrets } from "../kept-secrets.ts";
import { openProject } from "../open-project.ts";
import { tellRun } from "../tell-run.ts";
import {
  nodesOfText,
  readInventory,
  replaceInventory,
} from "./inventory-text.ts";
import { showRemoval, tellRemoved } from "./tell-removal.ts";

const removeOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string().default("out"),
  force: z.boolean().default(false),
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

type RemoveOptions = z.infer<typeof removeOptions>;

const UNTOUCHED = "nothing was changed";

const refuse = (message: string, hint: string): UserError =>
  new UserError("NODE_NOT_REMOVED", message, { hint, state: UNTOUCHED });

/**
 * The inventory without the node; undefined where it does not have it. Found out before anything is done: whatever needs the node
 * is a problem of that text.
 */
const textWithout = async (
  context: Context,
  name: string,
  { nodes }: ResolvedProject,
  path: string,
): Promise<string | undefined> => {
  if (!nodes.some((node) => node.name === name)) {
    return undefined;
  }
  const cut = cutNode(await readInventory(path, "NODE_NOT_REMOVED"), name);
  if (cut === undefined) {
    throw refuse(
      `the nodes in ${path} are not a plain list that ${name} can be taken out of`,
      `write each node as an item of its own under \`nodes\`, without anchors, and run the command again`,
    );
  }
  nodesOfText(context, `${path} (without ${name})`, cut, "errors");
  return cut;
};

/** What other machines have been told of this one, and will go on to ask it. */
const demandNotNeeded = (project: ResolvedProject, name: string): void => {
  const planes = controlPlanes(project).map((plane) => plane.name);
  if (planes.length === 1 && planes[0] === name) {
    throw refuse(
      `${name} is the only control plane: without it there is no cluster`,
      `to give it a new card or board, flash it anew (docs/day-2.md); another control plane, once it has joined, can take over`,
    );
  }
  const { host } = project.cluster.endpoint;
  if (host === name || host === mdnsName(name)) {
    throw refuse(
      `${name} is the endpoint of the cluster: every node asks the API server there, by that name`,
      `give it a new card or board under its name (docs/day-2.md); a cluster with a \`virtualAddress\` can lose any of its control planes`,
    );
  }
  const behind = project.nodes.filter(
    (node) => jumpHost(project, node)?.name === name,
  );
  if (behind.length > 0) {
    throw refuse(
      `${name} is the gateway of ${listed(behind.map((node) => node.name))}: they would have no network`,
      "remove these first, or flash another card as this gateway",
    );
  }
};

const confirm = async (context: Context, name: string): Promise<void> => {
  const answer = await context.ask({
    message: `Type its name, ${name}, to confirm (anything else stops):`,
    state: UNTOUCHED,
  });
  if (answer !== name) {
    throw new UserError("CANCELLED", `${name} was not confirmed`, {
      state: UNTOUCHED,
    });
  }
};

const removeFromCluster = async (
  context: Context,
  plan: RemovalPlan,
  force: boolean,
  asked: OverSsh,
): Promise<void> => {
  const { node } = plan;
  await runRemoval({
    plan,
    force,
    asked,
    tell: (event) => {
      context.printJson({ ...event, type: `removal-${event.type}`, node });
      switch (event.type) {
        case "evicted":
          context.remark(
            event.pods.length === 0
              ? `${node} has no pods to evict.`
              : `Evicted from ${node}: ${event.pods.join(", ")}`,
          );
          return;
        case "left":
          context.remark(`${node} is no member of etcd any more.`);
          return;
        case "retired":
          context.remark(`Kubernetes on ${node} has ended.`);
          return;
        case "deleted":
          context.remark(`The cluster has forgotten ${node}.`);
      }
    },
  });
};

/** Whether anything of the cluster exists but its inventory. */
const wasBuilt = async (
  folder: string,
  inventory: string,
  project: ResolvedProject,
): Promise<boolean> =>
  (await readIfThere(secretsFile(folder, project))) !== undefined ||
  (await readIfThere(lockPath(folder, inventory))) !== undefined;

const demandAnswerable = (
  { interactive }: Context,
  name: string,
  { yes, dryRun }: RemoveOptions,
): void => {
  if (!yes && !dryRun && !interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      {
        hint: `to remove ${name} without being asked, add --yes`,
        state: UNTOUCHED,
      },
    );
  }
};

/** @returns whether the removal is to go on: the person has said yes, or was not to be asked */
const showAndConfirm = async (
  context: Context,
  name: string,
  plan: RemovalPlan | undefined,
  { yes, dryRun }: RemoveOptions,
): Promise<boolean> => {
  if (dryRun) {
    showRemoval(context, name, plan, context.print);
    return false;
  }
  if (!yes) {
    // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
    showRemoval(context, name, plan, context.complain);
    await confirm(context, name);
  }
  return true;
};

const planFor = async (
  { project, secrets }: KeptProject,
  name: string,
  { force }: RemoveOptions,
  asked: OverSsh,
): Promise<RemovalPlan | undefined> => {
  const node = project.nodes.find((one) => one.name === name);
  // A gateway has no part in the cluster; of a storage node, the cluster has volumes.
  if (node?.role === "gateway") {
    return undefined;
  }
  const plan = await planRemoval(project, name, force, asked);
  if (!plan.isNode && plan.votersLeft === undefined) {
    demandKnownNode(secrets, project, name);
  }
  return plan;
};

/** Takes it out of what this computer has; the inventory comes last, because until then the command can be run again. */
const forgetHere = async (
  context: Context,
  { project, file }: KeptProject,
  name: string,
  without: string | undefined,
  { inventory, out, identity }: RemoveOptions,
): Promise<void> => {
  const { env, signal } = context;
  const kept = await changeKeptSecrets(
    file,
    async (existing) => forgetNode(existing, name),
    { identityFile: identity, env, signal },
  );
  kept.changes.forEach(context.remark);
  const nodes = project.nodes.filter((one) => one.name !== name);
  await writeSshFiles(out, { ...project, nodes }, kept.secrets);
  if (without !== undefined) {
    await replaceInventory(inventory, without);
  }
};

/**
 * @throws UserError of the inventory and the secrets, WRONG_ARGUMENTS, CANCELLED, NODE_NOT_REMOVED
 */
export const nodeRemove = async (
  context: Context,
  name: string,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options: RemoveOptions = removeOptions.parse(given);
  const { inventory, force } = options;
  const { project, folder } = await openProject(context, {
    inventory,
    mayBeImplied: false,
    secrets: "unneeded",
  });
  demandNotNeeded(project, name);
  const role = project.nodes.find((one) => one.name === name)?.role;
  const without = await textWithout(context, name, project, inventory);
  demandAnswerable(context, name, options);
  const end = { role, edited: without !== undefined };
  if (without !== undefined && !(await wasBuilt(folder, inventory, project))) {
    if (await showAndConfirm(context, name, undefined, options)) {
      await replaceInventory(inventory, without);
      await tellRemoved(context, name, undefined, end, options);
    }
    return;
  }
  const kept = await openSoundSecrets(context, options);
  const removed = await withSshAccess(
    project,
    kept.secrets,
    async (sshConfig) => {
      const asked = { sshConfig, signal: context.signal };
      const plan = await planFor(kept, name, options, asked);
      if (!(await showAndConfirm(context, name, plan, options))) {
        return undefined;
      }
      if (plan !== undefined) {
        await removeFromCluster(context, plan, force, asked);
      }
      return { plan };
    },
  );
  if (removed === undefined) {
    return;
  }
  if (removed.plan !== undefined) {
    await tellRun(context, folder, inventory, kept.secrets);
  }
  await forgetHere(context, kept, name, without, options);
  await tellRemoved(context, name, removed.plan, end, options);
};
