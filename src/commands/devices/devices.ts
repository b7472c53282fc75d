// pi-image devices: lists block devices, says why each refused one is refused, or tests the size of one.
import { z } from "zod";
import type { BlockDevice } from "../../device/block-device.ts";
import { listDevices } from "../../device/helper/device-work.ts";
import {
  DEFAULT_MAX_SIZE,
  deviceRefusals,
  type Refusal,
} from "../../device/target-rules.ts";
import { cardName } from "../../flash/foreign-content.ts";
import { visible } from "../../report/printable.ts";
import { formatBytes } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import { wrapWords } from "../../terminal/wrap-words.ts";
import type { Context } from "../../terminal/context.ts";
import { lookAtTarget } from "../flash/look-at-target.ts";
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
  /** The node that the card belongs to, where pi-image made the card and it can be read. */
  readonly card: string | undefined;
};

/** Only looks at devices that may be written, so that a mere list wakes no other disk. */
const cardOn = async (device: BlockDevice): Promise<string | undefined> => {
  try {
    const found = await lookAtTarget({
      kind: "device",
      path: device.path,
      byId: false,
      device,
    });
    return found && cardName(found);
  } catch (error) {
    if (error instanceof UserError) {
      return undefined;
    }
    throw error;
  }
};

/** Whether it is a loop device or the like without content; a system may have many of them. */
const isEmptyVirtual = ({ kind, size }: BlockDevice): boolean =>
  size === 0 && (kind === "loop" || kind === "virtual");

/** The lines about a device. What it says about itself is a stranger's text, which may not be safe to print. */
const describe = (
  { device, refusals, card }: Judged,
  columns: number,
): readonly string[] => {
  const name = [device.vendor, device.model].filter(Boolean).join(" ");
  const facts = [
    formatBytes(device.size),
    device.transport ?? device.kind,
    name,
    device.serial === undefined ? "" : `serial ${device.serial}`,
    device.logicalBlock === 0 ? "" : `${device.logicalBlock}-byte sectors`,
  ].filter((word) => word !== "");
  const verdict = refusals.length === 0 ? "can be written" : "refused";
  return [
    `${device.path}  ${verdict}  ${facts.join(", ")}`,
    ...(card === undefined ? [] : [`    ${card}`]),
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
  const listed = (await listDevices()).filter(
    (device) => all || !isEmptyVirtual(device),
  );
  const judged = await Promise.all(
    listed.map(async (device): Promise<Judged> => {
      const refusals = deviceRefusals(device, {
        allowFixed: false,
        maxSize: DEFAULT_MAX_SIZE,
      });
      const card = refusals.length === 0 ? await cardOn(device) : undefined;
      return { device, refusals, card };
    }),
  );
  for (const { device, refusals, card } of judged) {
    context.printJson({ type: "device", device, refusals, card });
  }
  context.print(
    judged.length === 0
      ? "There are no block devices. Is the card reader plugged in?"
      : judged.flatMap((one) => describe(one, context.columns)).join("\n"),
  );
};
