// pi-image renumber: gives the nodes of a running cluster the addresses of another network.
import { z } from "zod";
import { writeSshFiles } from "../../build/write-cluster-files.ts";
import {
  planRenumbering,
  type Renumbering,
} from "../../cluster/nodes/plan-renumbering.ts";
import {
  type PartDocuments,
  endNodes,
  tellEtcd,
  tellNodes,
  type Told,
} from "../../cluster/nodes/tell-renumbering.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import { listed } from "../../inventory/wording.ts";
import { certificatesDocument } from "../../kubernetes/certificates-document.ts";
import { prepareSeeds } from "../../project/prepare-seeds.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { openSoundSecrets } from "../kept-secrets.ts";
import { readInventory, replaceInventory } from "../node/inventory-text.ts";
import { openProject } from "../open-project.ts";

const renumberOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string().default("out"),
  restart: z.boolean().default(false),
  force: z.boolean().default(false),
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

type RenumberOptions = z.infer<typeof renumberOptions>;

const state = "nothing was changed";

const showPlan = (
  context: Context,
  { pairs, etcd, nodes }: Renumbering,
  { restart }: RenumberOptions,
  print: (text: string) => void,
): void => {
  context.printJson({ type: "plan", pairs, nodes });
  print(
    [
      ...pairs.map(([old, now]) => `  ${old} becomes ${now}`),
      ...(etcd === undefined
        ? []
        : [
            `etcd is told first: it looks for ${listed(etcd.planes)} at both addresses until each has come up with its new one.`,
          ]),
      `${listed(nodes.map(({ name }) => name))} ${nodes.length === 1 ? "is" : "are"} told over SSH at the old addresses, then ${restart ? "restarted" : "switched off"}.`,
    ].join("\n"),
  );
};

const confirm = async (
  context: Context,
  show: (print: (text: string) => void) => void,
  { yes }: RenumberOptions,
): Promise<void> => {
  if (yes) {
    return;
  }
  if (!context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      { hint: "to go on without being asked, add --yes", state },
    );
  }
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  show(context.complain);
  const answer = await context.ask({
    message: "Change the addresses? Type yes to do it (anything else stops):",
    state,
  });
  if (answer.toLowerCase() !== "yes") {
    throw new UserError("CANCELLED", "you did not confirm it", { state });
  }
};

/** How many of the control planes etcd needs; 0 where it is not asked. */
const neededPlanes = ({ etcd }: Renumbering): number =>
  etcd === undefined ? 0 : Math.floor(etcd.planes.length / 2) + 1;

const demandAll = (
  plan: Renumbering,
  { silent, told }: Told,
  { force }: RenumberOptions,
): void => {
  const needed = neededPlanes(plan);
  const planes = plan.etcd?.planes ?? [];
  const enough = planes.filter((name) => told.includes(name)).length >= needed;
  if (silent.length > 0 && !(force && enough)) {
    throw new UserError(
      "NODE_NOT_RENUMBERED",
      `${listed(silent.map(([name]) => name))} could not be told of the new addresses`,
      {
        facts: silent.map(([name, because]) => `${name}: ${because}`),
        state:
          told.length === 0
            ? "the nodes run with their old addresses"
            : `the nodes run with their old addresses; ${listed(told)} will begin with the new ones`,
        hint: enough
          ? "remove the cause and run the same command again; nodes that an earlier run has switched off, or that will be flashed anew, are left out with --force"
          : `remove the cause and run the same command again; --force needs ${needed} of the ${planes.length} control planes, without which the cluster does not run`,
      },
    );
  }
};

const whenItRuns = (plan: Renumbering): readonly string[] => {
  const { length } = plan.etcd?.planes ?? [];
  return length > 2
    ? [
        `The cluster runs when any ${neededPlanes(plan)} of the ${length} control planes are up; the order does not matter.`,
      ]
    : [];
};

/**
 * @param file an inventory that says the same as the cluster's, but for addresses; it becomes the cluster's
 * @throws UserError of both inventories and the secrets, WRONG_ARGUMENTS, CANCELLED, NODE_NOT_RENUMBERED
 */
export const renumber = async (
  context: Context,
  file: string,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = renumberOptions.parse(given);
  const { inventory } = options;
  const { project, secrets } = await openSoundSecrets(context, options);
  const opened = await openProject(context, {
    inventory: file,
    mayBeImplied: false,
    secrets: "needed",
  });
  const plan = planRenumbering(project, opened.project, file);
  const text = await readInventory(file, "NODE_NOT_RENUMBERED");
  const { seedsFromCache } = await prepareSeeds(context, opened, {
    inventory: file,
  });
  const documents: ReadonlyMap<string, PartDocuments> = new Map(
    (await seedsFromCache()).map(({ node, seed }) => [
      node.name,
      {
        network: seed.networkConfig,
        certificates: certificatesDocument(opened.project, node),
      },
    ]),
  );
  if (options.dryRun) {
    showPlan(context, plan, options, context.print);
    return;
  }
  await confirm(
    context,
    (print) => showPlan(context, plan, options, print),
    options,
  );
  const { silent, missed } = await withSshAccess(
    project,
    secrets,
    async (sshConfig) => {
      const asked = { sshConfig, signal: context.signal };
      await tellEtcd(plan, documents, asked);
      const told = await tellNodes(plan, documents, asked);
      demandAll(plan, told, options);
      // Before the first node goes: from then on these are the cluster's addresses.
      await replaceInventory(inventory, text);
      await writeSshFiles(options.out, opened.project, secrets);
      return {
        ...told,
        missed: await endNodes(
          plan,
          told.told,
          options.restart ? "restart" : "off",
          asked,
        ),
      };
    },
  );
  const verb = options.restart ? "restart" : "switch off";
  const { pairs, nodes } = plan;
  context.printJson({ type: "result", pairs, nodes, silent, missed });
  context.print(
    [
      options.restart
        ? "The nodes restart with their new addresses."
        : "The nodes are switching off. Move them, and switch them on: they begin with their new addresses.",
      ...whenItRuns(plan),
      `${inventory} has the new addresses. When this computer is in the new network: \`pi-image kubeconfig\`, then \`pi-image watch\`.`,
    ].join("\n"),
  );
  for (const name of missed) {
    context.report({
      type: "warning",
      message: `${name} has its new addresses and did not ${verb}`,
      hint: `${verb} it by hand`,
    });
  }
  for (const [name, because] of silent) {
    context.report({
      type: "warning",
      message: `${name} could not be told of the new addresses: ${because}`,
      hint: `if no earlier run has told it, flash it anew: pi-image flash TARGET --host ${name}`,
    });
  }
};
