// pi-image restart: restarts nodes one after the other, without their pods.
import { z } from "zod";
import {
  type PlannedRestart,
  planRestart,
  type RestartPlan,
  type RestartWish,
} from "../../cluster/nodes/plan-restart.ts";
import { runRestarts } from "../../cluster/nodes/run-restarts.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import { selectNodes } from "../../inventory/select-nodes.ts";
import { listed } from "../../inventory/wording.ts";
import { formatSeconds } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { parseDuration } from "../../terminal/duration.ts";
import { openSoundSecrets } from "../kept-secrets.ts";
import { tellRun } from "../tell-run.ts";

const restartOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  all: z.boolean().default(false),
  force: z.boolean().default(false),
  patience: z.string(),
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

type RestartOptions = z.infer<typeof restartOptions>;

const state = "nothing was restarted";

const wantedBy = (
  names: readonly string[],
  { all }: RestartOptions,
): RestartWish => {
  if (all && names.length > 0) {
    throw new UserError("WRONG_ARGUMENTS", "--all goes without names", {
      state,
      hint: "name the nodes, or leave the names out",
    });
  }
  return all
    ? { of: "all" }
    : names.length > 0
      ? { of: "named", names }
      : { of: "wanting" };
};

const lineOf = (
  { name, role, isNode, restarted, wants, keptAway }: PlannedRestart,
  voters: number,
): string => {
  const facts = [
    ...(restarted
      ? ["was restarted by an earlier run, and is waited for"]
      : wants === undefined
        ? []
        : [`for ${wants}`]),
    ...(isNode && !restarted ? ["its pods go to other nodes first"] : []),
    ...(role === "control-plane" && voters < 3
      ? ["kubectl gets no answer meanwhile"]
      : []),
    ...(role === "storage" ? ["pods wait for its volumes meanwhile"] : []),
    ...(role === "gateway"
      ? ["the nodes behind it have no way out meanwhile"]
      : []),
    ...(keptAway ? ["stays cordoned, as it is"] : []),
  ];
  return `  ${name}${facts.length === 0 ? "" : `: ${facts.join("; ")}`}`;
};

const showPlan = (
  context: Context,
  plan: RestartPlan,
  print: (text: string) => void,
): void => {
  context.printJson({ type: "plan", plan });
  print(
    [
      "One after the other, each when the one before it is Ready again:",
      ...plan.nodes.map((node) => lineOf(node, plan.voters)),
    ].join("\n"),
  );
};

const tellUnknown = (context: Context, { unknown }: RestartPlan): void => {
  for (const [name, because] of unknown) {
    context.report({
      type: "warning",
      message: `it is not known whether ${name} wants a restart: ${because}`,
      hint: `pi-image doctor ${name}`,
    });
  }
};

const confirm = async (
  context: Context,
  plan: RestartPlan,
  yes: boolean,
): Promise<void> => {
  if (yes) {
    return;
  }
  const names = listed(plan.nodes.map(({ name }) => name));
  if (!context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      { hint: `to restart ${names} without being asked, add --yes`, state },
    );
  }
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  showPlan(context, plan, context.complain);
  const answer = await context.ask({
    message: "Restart them? Type yes to do it (anything else stops):",
    state,
  });
  if (answer.toLowerCase() !== "yes") {
    throw new UserError("CANCELLED", "you did not confirm it", { state });
  }
};

/**
 * Without names, those nodes that want a restart.
 *
 * @throws UserError of the inventory and the secrets, WRONG_ARGUMENTS, CANCELLED, NODE_NOT_RESTARTED
 */
export const restart = async (
  context: Context,
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = restartOptions.parse(given);
  const patienceMs = parseDuration(options.patience, "--patience");
  const wanted = wantedBy(names, options);
  const { project, folder, secrets } = await openSoundSecrets(context, options);
  selectNodes(project, { hosts: names, role: undefined });
  const restarted = await withSshAccess(project, secrets, async (sshConfig) => {
    const asked = { sshConfig, signal: context.signal };
    const plan = await planRestart(project, wanted, asked);
    tellUnknown(context, plan);
    if (plan.nodes.length === 0) {
      return [];
    }
    if (options.dryRun) {
      showPlan(context, plan, context.print);
      return undefined;
    }
    await confirm(context, plan, options.yes);
    await runRestarts({
      project,
      plan,
      force: options.force,
      patienceMs,
      asked,
      tell: (node, event) => {
        context.printJson({ ...event, type: `restart-${event.type}`, node });
        switch (event.type) {
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
          case "restarting":
            context.remark(`${node} restarts.`);
            return;
          case "back":
            context.remark(
              `${node} is back after ${formatSeconds(event.seconds)}.`,
            );
            if (event.wants !== undefined) {
              context.report({
                type: "warning",
                message: `${node} still wants a restart for ${event.wants}`,
                hint: "a new kernel that does not start gives way to the one before it; its screen and `journalctl --list-boots` on it tell more",
              });
            }
        }
      },
    });
    return plan.nodes.map(({ name }) => name);
  });
  if (restarted === undefined) {
    return;
  }
  await tellRun(context, folder, options.inventory, secrets);
  context.printJson({ type: "result", restarted });
  context.print(
    restarted.length === 0
      ? "No node wants a restart."
      : `${listed(restarted)} ${restarted.length === 1 ? "was" : "were"} restarted.`,
  );
};
