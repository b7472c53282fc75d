// Tells what a plan left undone, since it runs no command of an inventory and asks no questions.
import { visible } from "../report/printable.ts";
import type { Context } from "../terminal/context.ts";
import type { PreparedSeeds } from "../project/prepare-seeds.ts";

/** Says what the real run would do to get the missing passwords; silent where none is missing. */
export const tellLeft = (
  context: Context,
  inventory: string,
  { passwordsMissing }: Pick<PreparedSeeds, "passwordsMissing">,
): void => {
  if (passwordsMissing.length > 0) {
    context.printJson({ type: "left", inventory, steps: passwordsMissing });
    context.remark(
      `This plan was made without a Wi-Fi password. Without --dry-run, pi-image would ${passwordsMissing.map(visible).join(", and ")}.`,
    );
  }
};
