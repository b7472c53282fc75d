// pi-image devices: lists block devices, says why each refused one is refused, or tests the size of one.
import { z } from "zod";
import type { BlockDevice } from "../device/block-device.ts";
import { listDevices } from "../device/list-devices.ts";
import {
  DEFAULT_MAX_SIZE,
  deviceRefusals,
  type Refusal,
} from "../device/target-rules.ts";
import { visible } from "../report/printable.ts";
import { formatBytes } from "../report/progress-line.ts";
import { wrapWords } from "../report/wrap-words.ts";
import type { Context } from "./context.ts";
import { testDevice } from "./test-device.ts";

const devicesOptions = z.object({
  all: z.boolean().default(false),
  test: z.string().optional(),
  yes: z.boolean().default(false),
  serial: z.array(z.string()).default([]),
  allowFixed: z.boolean().default(false),
  maxSize: z.number(),
});

type Judged = {
  readonly device: BlockDevice;
  readonly refusals: readonly Refusal[];
};

/** Loop devices and the like without content, of which a system may have many. */
const isEmptyVirtual = ({ kind, size }: BlockDevice): boolean =>
  size === 0 && (kind === "loop" || kind === "virtual");

/** What the device says about itself is a stranger's text. */
const describe = (
  { device, refusals }: Judged,
  columns: number,
): readonly string[] => {
  const name = [device.vendor, device.model].filter(Boolean).join(" ");
  const facts = [
    formatBytes(device.size),
    device.transport ?? device.kind,
    name,
    device.serial === undefined ? "" : `serial ${device.serial}`,
  ].filter((word) => word !== "");
  const verdict = refusals.length === 0 ? "can be written" : "refused";
  return [
    `${device.path}  ${verdict}  ${facts.join(", ")}`,
    ...refusals.map(
      ({ reason, override }) =>
        `    ${reason}${override === undefined ? "" : ` (${override})`}`,
    ),
  ].flatMap((line) => wrapWords(visible(line), columns, "      "));
};

export const devices = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = devicesOptions.parse(given);
  const { all, test } = options;
  if (test !== undefined) {
    await testDevice(context, test, options);
    return;
  }
  const judged = (await listDevices())
    .filter((device) => all || !isEmptyVirtual(device))
    .map((device) => ({
      device,
      refusals: deviceRefusals(device, {
        allowFixed: false,
        maxSize: DEFAULT_MAX_SIZE,
      }),
    }));
  for (const { device, refusals } of judged) {
    context.printJson({ type: "device", device, refusals });
  }
  context.print(
    judged.length === 0
      ? "There are no block devices. Is the card reader plugged in?"
      : judged.flatMap((one) => describe(one, context.columns)).join("\n"),
  );
};
