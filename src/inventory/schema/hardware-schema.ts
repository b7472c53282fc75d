// The schema of a board's switches.
import { z } from "zod";
import { FAN_STEPS } from "../boards/hardware.ts";

const steps = (fan: string) =>
  z
    .array(z.number().min(20).max(95))
    .min(1)
    .max(FAN_STEPS)
    .optional()
    .describe(
      `Degrees Celsius at which ${fan} takes its next step, up to ${FAN_STEPS} in rising order.`,
    );

export const hardwareSchema = z.strictObject({
  wifi: z
    .boolean()
    .optional()
    .describe("false switches the Wi-Fi radio off. Default: true."),
  bluetooth: z
    .boolean()
    .optional()
    .describe("false switches Bluetooth off. Default: true."),
  usbMaxCurrent: z
    .boolean()
    .optional()
    .describe(
      "Whether a Pi 5 gives its USB ports 1.6 A with a supply that does not announce 5 A. Default: false.",
    ),
  watchdog: z
    .boolean()
    .optional()
    .describe(
      "Whether the board restarts when the system hangs. Default: false.",
    ),
  fan: steps("the Active Cooler"),
  poeFan: steps("the fan of a PoE HAT"),
});
