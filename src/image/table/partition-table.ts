// The partition table of a base image, MBR or GPT: either a sound one, or the reason why there is none.
import { formatBytes } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import { readDiskTable } from "./disk-table.ts";
import { BUNDLE_PARTITION, MBR_SIZE } from "./mbr.ts";
import { LOOKED_AT, nameContents } from "../name-contents.ts";
import type { Source } from "../source.ts";
import type { DiskTable, Partition } from "./table.ts";

/** Bytes of an MBR, and GUIDs of a GPT. https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ */
export const PARTITION_TYPES = {
  /** Also the EFI system partition, which the Pi's firmware also boots from (raspberrypi/rpi-eeprom#126). */
  fat32: [
    0x0b,
    0x0c,
    0xef,
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
  ],
  fat16: [0x01, 0x04, 0x06, 0x0e],
  /** Linux data, and root partitions of arm64 and arm by their own type. */
  linux: [
    0x83,
    "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "b921b045-1df0-41c3-af44-4c6f280d3fae",
    "69dad710-2ce4-4e3c-b16c-21a1d49abed3",
  ],
  /** Raw bytes without a file system. */
  bundle: [BUNDLE_PARTITION.type],
} as const satisfies Record<string, readonly (number | string)[]>;

export const hasType = (
  partition: Partition,
  types: readonly (number | string)[],
): boolean => types.includes(partition.type);

const typeText = (type: number | string): string =>
  typeof type === "number" ? `0x${type.toString(16).padStart(2, "0")}` : type;

/** Such as "partition 1: type 0x0c, 512 MiB, from byte 1048576". */
export const describePartition = (partition: Partition): string =>
  `partition ${partition.number}: ` +
  (partition.name === undefined || partition.name === ""
    ? ""
    : `"${partition.name}", `) +
  `type ${typeText(partition.type)}, ` +
  `${formatBytes(partition.length)}, from byte ${partition.offset}`;

const NO_TABLE = {
  "no signature": "the image does not begin with a partition table",
  "boot sector":
    "the image begins with a boot sector, but not with a partition table",
  "no partition": "the image's partition table lists no partition",
} as const;

const noTable = (start: Buffer, what: string): UserError => {
  const looks = nameContents(start)?.name;
  return new UserError("BASE_HAS_NO_PARTITION_TABLE", what, {
    facts: looks === undefined ? [] : [`its start looks like ${looks}`],
    state: "nothing was written",
    hint: "use the preinstalled image for the Raspberry Pi, whose name ends in -preinstalled-server-arm64+raspi.img.xz",
  });
};

const wrongTable = (
  message: string,
  partitions: readonly Partition[],
): UserError =>
  new UserError("BASE_PARTITION_TABLE_WRONG", message, {
    facts: partitions.map(describePartition),
    state: "nothing was written",
    hint: "download or copy the image again and check its checksum",
  });

/** Faults that a base may have: the backup is rewritten, with the identity of the node's disk. */
const HARMLESS = ["GPT_BACKUP_DAMAGED"];

/**
 * Reads the partition table of a raw image that is to be a base.
 * Throws BASE_HAS_NO_PARTITION_TABLE, or BASE_PARTITION_TABLE_WRONG when partitions overlap or leave the image, and
 * when a GPT is damaged or cut short.
 */
export const readPartitionTable = async (
  source: Source,
): Promise<DiskTable> => {
  const table = await readDiskTable(source);
  if (table.kind === "none") {
    const start = await source.read(0, Math.min(source.size, LOOKED_AT));
    throw noTable(start, NO_TABLE[table.reason]);
  }
  const fault = table.faults.find(({ code }) => !HARMLESS.includes(code));
  if (fault !== undefined) {
    throw wrongTable(fault.message, table.partitions);
  }
  if (table.partitions.length === 0) {
    const start = await source.read(0, MBR_SIZE);
    throw noTable(start, NO_TABLE["no partition"]);
  }
  return table;
};
