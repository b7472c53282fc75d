// Shows what would be written, and has each card's name typed at the terminal.
import type { Confirmation } from "../flash/confirmation.ts";
import { foreignContent } from "../flash/foreign-content.ts";
import type { FlashPlan } from "../flash/plan-flash.ts";
import { formatBytes } from "../report/progress-line.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "./context.ts";
import { lookAtTarget } from "./look-at-target.ts";
import { namesTarget } from "./names-target.ts";

export const printPlan = (context: Context, plan: FlashPlan): void => {
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
    ].join("\n"),
  );
};

/** Everybody sees what will be lost, also who said --yes. */
const showContent = async (
  context: Context,
  { target }: FlashPlan,
): Promise<void> => {
  const found = await lookAtTarget(target);
  context.printJson({
    type: "content",
    target: target.path,
    fileSystems: found,
  });
  const lines =
    found === undefined
      ? ["what is on it cannot be read"]
      : foreignContent(found);
  if (lines.length > 0) {
    context.remark(
      [
        `${target.path} is not empty:`,
        ...lines.map((text) => `  ${text}`),
      ].join("\n"),
    );
  }
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
  // Not a remark: with --quiet too, nobody should answer without knowing what.
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

const confirm = async (context: Context, plan: FlashPlan): Promise<void> => {
  const { confirmation, target, image } = plan;
  await showContent(context, plan);
  const what = confirmation.kind === "given" ? target.path : confirmation.what;
  await askForName(
    context,
    target.path,
    confirmation,
    `Everything on ${what} will be replaced by ${image.label}.`,
  );
};

/** @throws UserError CANCELLED, before anything is written to any of them */
export const confirmTargets = async (
  context: Context,
  plans: readonly FlashPlan[],
): Promise<void> => {
  for (const plan of plans) {
    await confirm(context, plan);
  }
};
