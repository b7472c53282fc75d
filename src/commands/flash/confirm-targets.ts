// Shows what would be written, and asks the user to type each card's name at the terminal.
import type { Confirmation } from "../../flash/confirmation.ts";
import { foreignContent, otherCard } from "../../flash/foreign-content.ts";
import type { FlashPlan } from "../../flash/plan-flash.ts";
import { formatBytes } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import type { SourceAndPlan } from "./flash-plans.ts";
import { lookAtTarget } from "./look-at-target.ts";
import { namesTarget } from "./names-target.ts";
import { doubtsOf, showImages } from "../show-images.ts";

export const printFlashPlan = (context: Context, plan: FlashPlan): void => {
  context.printJson({ type: "plan", plan });
  context.print(
    [
      `${plan.image.label} (${formatBytes(plan.image.size)}) -> ${plan.target.path}`,
      ...plan.steps.map((step) =>
        "bytes" in step
          ? `  ${step.step}: ${formatBytes(step.bytes)}`
          : "path" in step
            ? `  ${step.step}: ${step.path}`
            : `  ${step.step}`,
      ),
      ...doubtsOf(plan).map((text) => `  ${text}`),
    ].join("\n"),
  );
};

/**
 * Shows what will be lost, even with --yes or in a dry run.
 * @returns the node that the card belongs to now, where it is not the node to be written
 */
export const showContent = async (
  context: Context,
  { plan: { target }, source }: SourceAndPlan,
): Promise<string | undefined> => {
  const found = await lookAtTarget(target);
  const other = otherCard(found ?? [], source.node);
  context.printJson({
    type: "content",
    target: target.path,
    fileSystems: found,
    card: found?.find(({ ours }) => ours !== undefined)?.ours,
  });
  const lines =
    found === undefined
      ? ["its content cannot be read"]
      : foreignContent(found);
  if (lines.length > 0) {
    context.remark(
      [
        `${target.path} is not empty:`,
        ...lines.map((text) => `  ${text}`),
      ].join("\n"),
    );
  }
  if (other !== undefined) {
    context.remark(`${target.path} is ${other}.`);
  }
  return other;
};

/**
 * The user types the name of the device or file, or any path of it; anything else leaves every target alone.
 * @param path the target as the user wrote it
 * @param what what is going to happen to the target, as a sentence
 * @throws UserError CANCELLED
 */
export const askForName = async (
  context: Context,
  path: string,
  confirmation: Confirmation,
  what: string,
): Promise<void> => {
  if (confirmation.kind === "given") {
    return;
  }
  const { name } = confirmation;
  const state = "nothing was written to any target";
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  context.complain(what);
  const answer = await context.ask({
    message: `Type its name, ${name}, to confirm (anything else stops):`,
    state,
  });
  if (!(await namesTarget(answer, name, path))) {
    throw new UserError(
      "CANCELLED",
      answer === ""
        ? `${path} was not confirmed: nothing was typed`
        : `${path} was not confirmed: "${answer}" is not ${name}`,
      { state },
    );
  }
};

const confirm = async (
  context: Context,
  planned: SourceAndPlan,
): Promise<void> => {
  const { confirmation, target, image } = planned.plan;
  const other = await showContent(context, planned);
  const what = confirmation.kind === "given" ? target.path : confirmation.what;
  await askForName(
    context,
    target.path,
    confirmation,
    `Everything on ${what}${other === undefined ? "" : `, ${other},`} will be replaced by ${image.label}.`,
  );
};

/** @throws UserError CANCELLED, before anything is written to any of them */
export const confirmTargets = async (
  context: Context,
  planned: readonly SourceAndPlan[],
): Promise<void> => {
  showImages(
    context,
    planned.map(({ plan: { image, findings, notes } }) => ({
      label: image.label,
      findings,
      notes,
    })),
  );
  for (const one of planned) {
    await confirm(context, one);
  }
};
