// The boot loader's own settings: in which order it tries the media, and whether it looks for disks behind an adapter.
// https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#raspberry-pi-bootloader-configuration

/** One digit a medium, read from the right. */
const DIGITS = { nvme: "6", usb: "4" } as const;

/** The order where the settings do not name one. */
const DEFAULT_ORDER = "f41";

export type BootWish = {
  readonly disk: keyof typeof DIGITS;
  /** The disk must come before the card; otherwise it is enough that it is tried at all. */
  readonly first: boolean;
  /** PCIE_PROBE: the adapter of the disk does not announce itself as HAT+ boards do. */
  readonly probe: boolean;
};

/** The last line counts, whatever filter it is under: if that filter does not match this board, the user has to fix it. */
const valueOf = (lines: readonly string[], key: string): string | undefined =>
  lines.findLast((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);

/** The order as hex digits without 0x, such as "f416". */
export const wantedOrder = (
  order: string,
  { disk, first }: Pick<BootWish, "disk" | "first">,
): string => {
  const digit = DIGITS[disk];
  const at = order.lastIndexOf(digit);
  if (at >= 0 && (!first || at > order.lastIndexOf("1"))) {
    return order;
  }
  // The boot loader reads eight digits at most.
  return `${order.replaceAll(digit, "").slice(-7)}${digit}`;
};

const setLine = (
  lines: readonly string[],
  key: string,
  value: string,
): readonly string[] => {
  const rest = lines.filter((line) => !line.startsWith(`${key}=`));
  // Whatever filter the last lines are under, ours must hold on every board.
  const all = rest.findLast((line) => line.startsWith("[")) ?? "[all]";
  return [...rest, ...(all === "[all]" ? [] : ["[all]"]), `${key}=${value}`];
};

/** bootconf.txt with what the wish needs; the very same text where nothing is missing. */
export const editBootConf = (text: string, wish: BootWish): string => {
  const before = text.split("\n").filter((line) => line.trim() !== "");
  const written = valueOf(before, "BOOT_ORDER")?.trim().toLowerCase();
  const order = written?.replace(/^0x/, "") || DEFAULT_ORDER;
  const wanted = wantedOrder(order, wish);
  let lines: readonly string[] = before;
  if (wanted !== order) {
    lines = setLine(lines, "BOOT_ORDER", `0x${wanted}`);
  }
  if (wish.probe && valueOf(before, "PCIE_PROBE")?.trim() !== "1") {
    lines = setLine(lines, "PCIE_PROBE", "1");
  }
  return lines === before ? text : `${lines.join("\n")}\n`;
};
