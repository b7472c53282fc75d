// The switches of a board that an inventory can set: a row each, with all that reads it.
import { z } from "zod";
import type { BoardFacts } from "./boards.ts";

/** Degrees Celsius; undefined keeps the board's own steps. */
export type FanSteps = readonly number[] | undefined;

/** Steps that a fan can take on all boards that have one. */
const FAN_STEPS = 4;

/** The firmware counts thousandths of a degree: https://github.com/raspberrypi/firmware/blob/master/boot/overlays/README */
const fanLines =
  (parameter: string) =>
  (steps: FanSteps): readonly string[] =>
    (steps ?? []).map(
      (degrees, step) =>
        `dtparam=${parameter}${step}=${Math.round(degrees * 1000)}`,
    );

const steps = (fan: string) =>
  z
    .array(z.number().min(20).max(95))
    .min(1)
    .max(FAN_STEPS)
    .optional()
    .describe(
      `Degrees Celsius at which ${fan} takes its next step, up to ${FAN_STEPS} in rising order.`,
    );

const onOff = (about: string) => z.boolean().optional().describe(about);

type Row<Value> = {
  readonly schema: z.ZodType;
  /** The value where the inventory says nothing. */
  readonly usual: Value;
  /** The lines of config.txt that set the value. */
  readonly lines: (value: Value) => readonly string[];
  /** Whether the lines go under the filter of the board's family, because not every board knows them. */
  readonly family: boolean;
  /** The only system, by its name in systems.ts, on which the lines mean something; undefined for all. */
  readonly system?: string;
  /** What this board lacks, so that the switch would do nothing on it; follows "which has" in messages. */
  readonly lacks: (facts: BoardFacts) => string | undefined;
};

const everyBoard = { family: false, lacks: () => undefined } as const;

const row = <Value, Schema extends z.ZodType>(
  given: Row<Value> & { readonly schema: Schema },
) => given;

export const SWITCHES = {
  // Unlike this switch, a node's `wifi: false` only leaves the radio unused. On a Pi 5, the firmware's overlay map replaces
  // these names with the board's own overlays.
  wifi: row({
    ...everyBoard,
    schema: onOff("false switches the Wi-Fi radio off. Default: true."),
    usual: true,
    lines: (on: boolean) => (on ? [] : ["dtoverlay=disable-wifi"]),
  }),
  bluetooth: row({
    ...everyBoard,
    schema: onOff("false switches Bluetooth off. Default: true."),
    usual: true,
    lines: (on: boolean) => (on ? [] : ["dtoverlay=disable-bt"]),
  }),
  usbMaxCurrent: row({
    schema: onOff(
      "Whether a Pi 5 gives its USB ports 1.6 A with a supply that does not announce 5 A. Default: false.",
    ),
    usual: false,
    lines: (on: boolean) => (on ? ["usb_max_current_enable=1"] : []),
    family: true,
    lacks: ({ filters }) =>
      filters[0] === "pi5" ? undefined : "no limit of its USB current to lift",
  }),
  watchdog: row({
    ...everyBoard,
    schema: onOff(
      "Whether the board restarts when the system hangs. Default: false.",
    ),
    usual: false,
    lines: (on: boolean) => (on ? ["dtparam=watchdog=on"] : []),
  }),
  // Raspberry Pi OS has two kernels, and the firmware of a BCM2712 takes kernel_2712.img, whose pages have 16 KiB. Programs
  // that are built for pages of 4 KiB, such as those with jemalloc, end there at once ("Unsupported system page size").
  // https://www.raspberrypi.com/documentation/computers/config_txt.html#kernel
  // https://github.com/static-web-server/static-web-server/issues/440
  smallPages: row({
    schema: onOff(
      "Whether Raspberry Pi OS on a Pi 5, Pi 500 or Compute Module 5 runs the kernel with memory pages of 4 KiB (kernel8.img), which many container images need, and not that of 16 KiB. Default: true.",
    ),
    usual: true,
    lines: (on: boolean) => (on ? ["kernel=kernel8.img"] : []),
    family: true,
    system: "raspios",
    lacks: ({ filters }) =>
      filters[0] === "pi5" ? undefined : "only pages of 4 KiB",
  }),
  // In microvolts, as for the vendor's own cell. Charging one that is not made for it may destroy it, so it is off by itself.
  // https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#enable-battery-charging
  clockBattery: row({
    schema: onOff(
      "Whether a Pi 5 charges the battery of its clock, which must be a rechargeable one such as the vendor's. Default: false.",
    ),
    usual: false,
    lines: (on: boolean) => (on ? ["dtparam=rtc_bbat_vchg=3000000"] : []),
    family: true,
    lacks: ({ filters }) =>
      filters[0] === "pi5" ? undefined : "no charger for a clock's battery",
  }),
  fan: row({
    schema: steps("the Active Cooler"),
    usual: undefined as FanSteps,
    lines: fanLines("fan_temp"),
    family: true,
    lacks: ({ fan }) => (fan ? undefined : "no connector for an Active Cooler"),
  }),
  poeFan: row({
    schema: steps("the fan of a PoE HAT"),
    usual: undefined as FanSteps,
    lines: fanLines("poe_fan_temp"),
    family: true,
    lacks: ({ poeHat }) => (poeHat ? undefined : "no place for a PoE HAT"),
  }),
};

type Switches = typeof SWITCHES;

export type SwitchName = keyof Switches;

export const SWITCH_NAMES = Object.keys(SWITCHES) as readonly SwitchName[];

export type Hardware = {
  readonly [Name in SwitchName]: Switches[Name]["usual"] extends boolean
    ? boolean
    : FanSteps;
};

/** What an inventory may say under `hardware`. */
export const hardwareSchema = z.strictObject(
  Object.fromEntries(
    SWITCH_NAMES.map((name) => [name, SWITCHES[name].schema]),
  ) as { [Name in SwitchName]: Switches[Name]["schema"] },
);

/** Every switch, with the usual value where the inventory does not set it. */
export const completeHardware = (written: {
  readonly [Name in SwitchName]?: Hardware[Name] | undefined;
}): Hardware =>
  Object.fromEntries(
    SWITCH_NAMES.map((name) => [name, written[name] ?? SWITCHES[name].usual]),
  ) as Hardware;

const linesOf = (hardware: Hardware, name: SwitchName): readonly string[] =>
  (SWITCHES[name].lines as (value: unknown) => readonly string[])(
    hardware[name],
  );

const systemOf = (name: SwitchName): string | undefined => {
  const { system }: { readonly system?: string } = SWITCHES[name];
  return system;
};

/**
 * Lines for config.txt of the switches that this board has, whatever its system.
 * @param family those for its family alone, or those for every board
 */
export const hardwareLines = (
  hardware: Hardware,
  facts: BoardFacts,
  family: boolean,
): readonly string[] => {
  const lines = SWITCH_NAMES.filter(
    (name) =>
      SWITCHES[name].family === family &&
      systemOf(name) === undefined &&
      SWITCHES[name].lacks(facts) === undefined,
  ).flatMap((name) => linesOf(hardware, name));
  // A dtparam after a dtoverlay belongs to that overlay, so the board's own parameters come before all overlays.
  const overlays = lines.filter((line) => line.startsWith("dtoverlay="));
  return [...lines.filter((line) => !overlays.includes(line)), ...overlays];
};

/**
 * Lines for config.txt of the switches that only this system knows, for the board's family. The base may come from the command line,
 * so they are no part of the resolved node.
 */
export const systemLines = (
  hardware: Hardware,
  facts: BoardFacts,
  system: string,
): readonly string[] =>
  SWITCH_NAMES.filter(
    (name) =>
      systemOf(name) === system && SWITCHES[name].lacks(facts) === undefined,
  ).flatMap((name) => linesOf(hardware, name));

export const EEPROM_MODES = ["auto", "keep", "recovery"] as const;

/** What to do with the boot loader in the board's EEPROM. */
export type EepromMode = (typeof EEPROM_MODES)[number];
