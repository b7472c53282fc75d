// The sample base is for trying out: it goes onto files and loop devices, and onto a real card only when asked for.
import type { UsableTarget } from "../../device/target.ts";
import { UserError } from "../../report/user-error.ts";

/**
 * Throws SAMPLE_ON_CARD for a real disk, unless `--base` names the base on this command line: otherwise a script that runs
 * without network would make cards that no Pi boots.
 */
export const demandRealBase = (
  target: UsableTarget,
  image: { readonly sample: boolean; readonly label: string },
  base: string | undefined,
): void => {
  if (
    !image.sample ||
    base !== undefined ||
    target.kind === "file" ||
    target.device.kind === "loop"
  ) {
    return;
  }
  throw new UserError(
    "SAMPLE_ON_CARD",
    `${image.label} is made from the sample base, which no Raspberry Pi boots`,
    {
      state: "nothing was written",
      hint: "connect to the network or give a real image with --base; --base sample writes the sample all the same",
    },
  );
};
