// Decides which targets are refused, why, and what lifts each refusal; computes only.
import type { BlockDevice } from "./block-device.ts";
import type { LostSource } from "./run-sources.ts";
import type { FileTarget, Target, TargetCode } from "./target.ts";

export type Refusal = {
  readonly code: TargetCode;
  /** A full sentence that begins with the target's path. */
  readonly reason: string;
  /** The option that lifts the refusal; undefined where nothing does. */
  readonly override?: string | undefined;
  /** What to do instead. */
  readonly hint?: string | undefined;
};

/** What the user wants of the target. */
export type Wish = {
  /** Bytes of the image; undefined when only listing. */
  readonly imageSize?: number | undefined;
  /** Bytes of the sectors that the image's partition table counts in; undefined without a table. */
  readonly imageSectors?: number | undefined;
  readonly allowFixed: boolean;
  /** Bytes; larger devices are refused. */
  readonly maxSize: number;
  /** `--serial`. */
  readonly serial?: string | undefined;
  /** The card that the inventory binds the node to. */
  readonly card?:
    { readonly node: string; readonly serial: string } | undefined;
  /** What the run reads or keeps and would lose with this target. */
  readonly source?: LostSource | undefined;
};

/** No card of today is larger, and most disks that people keep archives on are. */
export const DEFAULT_MAX_SIZE = 512 * 1024 ** 3;

const bytes = (count: number): string =>
  `${count.toLocaleString("en-US")} bytes`;

/** Spellings of one serial differ in case and blanks only. */
export const sameSerial = (a: string | undefined, b: string): boolean =>
  a?.trim().toLowerCase() === b.trim().toLowerCase();

type TargetRule = (device: BlockDevice, wish: Wish) => Refusal | undefined;

const holdsSystem: TargetRule = ({ path, system }) =>
  system === undefined
    ? undefined
    : {
        code: "TARGET_HOLDS_SYSTEM",
        reason: `${path} holds the running system: ${system}`,
      };

/** A source is never its own target, by whatever name. */
export const sourceRefusal = (
  target: string,
  { path, what, relation }: LostSource,
): Refusal => {
  const named = path === target ? what : `${what}, ${path}`;
  return relation === "holds"
    ? {
        code: "TARGET_IS_SOURCE",
        reason: `${target} holds ${named}`,
        hint: "copy it to another disk first, or take another card",
      }
    : {
        code: "TARGET_IS_SOURCE",
        reason: `${target} ${relation} ${named}`,
        hint: "check that the target is the card, and not something that this run reads",
      };
};

const isSource: TargetRule = ({ path }, { source }) =>
  source && sourceRefusal(path, source);

const mounted: TargetRule = ({ path, uses, system }) => {
  const mounts = uses.filter(({ at }) => at !== "[SWAP]");
  const [first] = mounts;
  if (first === undefined || system !== undefined) {
    return undefined;
  }
  const places = mounts.map(({ device, at }) => `${device} on ${at}`);
  return {
    code: "TARGET_MOUNTED",
    reason: `${path} is mounted: ${places.join(", ")}`,
    hint: `unmount it first: umount ${[...new Set(mounts.map(({ device }) => device))].join(" ")}`,
  };
};

const swap: TargetRule = ({ path, uses }) => {
  const use = uses.find(({ at }) => at === "[SWAP]");
  return use === undefined
    ? undefined
    : {
        code: "TARGET_SWAP",
        reason: `${path} is used for swapping: ${use.device}`,
        hint: `if you are sure, stop that first: swapoff ${use.device}`,
      };
};

const held: TargetRule = ({ path, holders }) =>
  holders.length === 0
    ? undefined
    : {
        code: "TARGET_HELD",
        reason: `${path} is part of ${holders.join(", ")}`,
        hint: "take it out of that volume, RAID or mapping first",
      };

const optical: TargetRule = ({ path, kind }) =>
  kind === "optical"
    ? {
        code: "TARGET_NOT_A_DEVICE",
        reason: `${path} is an optical drive`,
      }
    : undefined;

const empty: TargetRule = ({ path, size, kind }) =>
  size === 0 && kind !== "optical"
    ? {
        code: "TARGET_NO_MEDIUM",
        reason: `${path} has no card or disk in it`,
        hint: "insert a card into the reader and run the command again",
      }
    : undefined;

const readOnly: TargetRule = ({ path, readOnly: isReadOnly, kind }) =>
  isReadOnly && kind !== "optical"
    ? {
        code: "TARGET_READ_ONLY",
        reason: `${path} is read-only`,
        hint: "slide the lock switch of the card or its adapter away from LOCK, or take another card",
      }
    : undefined;

const tooSmall: TargetRule = ({ path, size }, { imageSize }) =>
  imageSize === undefined || size === 0 || size >= imageSize
    ? undefined
    : {
        code: "TARGET_TOO_SMALL",
        reason: `${path} has ${bytes(size)}, the image needs ${bytes(imageSize)}`,
        hint: "take a larger card",
      };

/**
 * https://man.archlinux.org/man/nvme-format.1 (--block-size); the sectors of a card, a USB stick or a disk in an enclosure
 * cannot be changed.
 */
const reformat = (
  { path, name, transport }: BlockDevice,
  to: number,
): string =>
  name.startsWith("nvme") || transport === "nvme"
    ? `take another disk, or format this one anew, which erases everything on it: nvme format --block-size=${to} ${path}`
    : `take a disk with sectors of ${to} bytes: most enclosures and cards cannot change theirs`;

/**
 * A table counts in the sectors of its disk, so on a disk with other sectors every partition would be somewhere else, for
 * Linux and for the Pi's firmware.
 */
const otherSectors: TargetRule = (device, { imageSectors }) =>
  imageSectors === undefined ||
  device.logicalBlock === 0 ||
  device.size === 0 ||
  device.logicalBlock === imageSectors
    ? undefined
    : {
        code: "TARGET_OTHER_SECTORS",
        reason: `${device.path} has sectors of ${device.logicalBlock} bytes, and the image's partition table is made for ${imageSectors}: no Pi would find its partitions there`,
        hint: reformat(device, imageSectors),
      };

const tooLarge: TargetRule = ({ path, size }, { maxSize }) =>
  size <= maxSize
    ? undefined
    : {
        code: "TARGET_TOO_LARGE",
        reason: `${path} has ${bytes(size)}, more than the ${bytes(maxSize)} that are allowed`,
        override: `--max-size ${Math.ceil(size / 1024 ** 3)}GiB`,
      };

const fixed: TargetRule = (
  { path, kind, removable, transport },
  { allowFixed },
) => {
  const external =
    removable || transport === "usb" || kind === "loop" || kind === "virtual";
  return external || allowFixed || kind === "optical"
    ? undefined
    : {
        code: "TARGET_FIXED",
        reason: `${path} is ${kind === "mapped" ? "a volume on fixed disks" : "a fixed disk"}, neither removable nor on USB`,
        override: "--allow-fixed",
      };
};

const seenSerial = (serial: string | undefined): string =>
  serial === undefined ? "reports no serial" : `has the serial ${serial}`;

const wrongSerial: TargetRule = ({ path, serial }, wish) =>
  wish.serial === undefined || sameSerial(serial, wish.serial)
    ? undefined
    : {
        code: "TARGET_WRONG_CARD",
        reason: `${path} ${seenSerial(serial)}, --serial asks for ${wish.serial}`,
      };

const wrongCard: TargetRule = ({ path, serial }, { card }) =>
  card === undefined || sameSerial(serial, card.serial)
    ? undefined
    : {
        code: "TARGET_WRONG_CARD",
        reason: `${path} ${seenSerial(serial)}, ${card.node} is bound to the card ${card.serial}`,
        hint: `take that card, or change card.serial of ${card.node} in the inventory`,
      };

/** The first refusal gives the exit message its code, so the most dangerous come first. */
const DEVICE_RULES: readonly TargetRule[] = [
  holdsSystem,
  isSource,
  mounted,
  swap,
  held,
  optical,
  empty,
  readOnly,
  tooSmall,
  otherSectors,
  tooLarge,
  fixed,
  wrongSerial,
  wrongCard,
];

/** Why a device is refused; empty when it may be written. */
export const deviceRefusals = (
  device: BlockDevice,
  wish: Wish,
): readonly Refusal[] =>
  DEVICE_RULES.flatMap((rule) => rule(device, wish) ?? []);

const fileRefusals = (target: FileTarget, wish: Wish): readonly Refusal[] => {
  const found: Refusal[] = [];
  if (wish.source !== undefined) {
    found.push(sourceRefusal(target.path, wish.source));
  }
  if (target.swap) {
    found.push({
      code: "TARGET_SWAP",
      reason: `${target.path} is used for swapping`,
    });
  }
  if (target.loops.length > 0) {
    found.push({
      code: "TARGET_HELD",
      reason: `${target.path} is attached as ${target.loops.join(", ")}`,
      hint: `flash ${target.loops[0]} itself, or detach it: losetup --detach ${target.loops[0]}`,
    });
  }
  if (wish.serial !== undefined) {
    found.push({
      code: "TARGET_WRONG_CARD",
      reason: `${target.path} is a file and has no serial, --serial asks for ${wish.serial}`,
    });
  }
  return found;
};

/** Why a target is refused; empty when it may be written. */
export const refusals = (target: Target, wish: Wish): readonly Refusal[] => {
  switch (target.kind) {
    case "device":
      return deviceRefusals(target.device, wish);
    case "file":
      return fileRefusals(target, wish);
    case "unusable":
      return [target];
  }
};
