// Which of the serials on the command line a target must have.
import type { Target } from "../../device/target.ts";
import { sameSerial } from "../../device/target-rules.ts";

/** The `--serial` that this target has, or else all of them, so that the refusal can name them. */
export const serialFor = (
  target: Target,
  serials: readonly string[],
): string | undefined =>
  serials.length === 0
    ? undefined
    : (serials.find(
        (serial) =>
          target.kind === "device" && sameSerial(target.device.serial, serial),
      ) ?? serials.join(" or "));
