// Ejects the cards that were flashed well.
import { ejectDevice } from "../../device/helper/device-work.ts";
import type { Context } from "../../terminal/context.ts";
import type { Flashed } from "./flash-results.ts";

/** Only what is proven: a card that failed is looked at where it is. */
export const ejectTargets = async (
  context: Context,
  flashed: readonly Flashed[],
): Promise<void> => {
  for (const { plan, result } of flashed) {
    if (plan.target.kind === "file" || result.error !== undefined) {
      continue;
    }
    const { path } = plan.target.device;
    const why = await ejectDevice(path);
    context.report(
      why === undefined
        ? { type: "notice", subject: path, message: "can be pulled out" }
        : {
            type: "warning",
            subject: path,
            message: `it was not ejected: ${why}`,
            hint: "everything is on the card; unmount it before you pull it out",
          },
    );
  }
};
