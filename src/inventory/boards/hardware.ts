// The switches of a board that an inventory can set, and what holds where it says nothing.

/** Degrees Celsius; undefined leaves the board's own. */
export type FanSteps = readonly number[] | undefined;

export type Hardware = {
  /** False switches the radio off in the firmware; `wifi: false` alone only leaves it unused. */
  readonly wifi: boolean;
  readonly bluetooth: boolean;
  /** Lets a Pi 5 give 1.6 A to its USB ports with a supply that does not announce 5 A. */
  readonly usbMaxCurrent: boolean;
  /** The board restarts when the system hangs. */
  readonly watchdog: boolean;
  /** Where the Active Cooler of the Pi 5 family takes its next step, slowest first. */
  readonly fan: FanSteps;
  /** The same for the fan of a PoE or PoE+ HAT. */
  readonly poeFan: FanSteps;
};

export const DEFAULT_HARDWARE: Hardware = {
  wifi: true,
  bluetooth: true,
  usbMaxCurrent: false,
  watchdog: false,
  fan: undefined,
  poeFan: undefined,
};

/** Steps that a fan can take on all boards that have one. */
export const FAN_STEPS = 4;

export const EEPROM_MODES = ["auto", "keep", "recovery"] as const;

/** What may happen to the boot loader in the board's own memory. */
export type EepromMode = (typeof EEPROM_MODES)[number];
