// The MBR partition table of a raw image: four primary partitions and the disk id.
// https://en.wikipedia.org/wiki/Master_boot_record
import { formatBytes } from "../report/progress-line.ts";
import { UserError } from "../report/user-error.ts";
import { describeGpt, gptHeaderOffset } from "./gpt.ts";
import { rangeEnd } from "./range.ts";
import type { Source } from "./source.ts";

/** The MBR counts in these, whatever the medium's own sector size is. */
const SECTOR = 512;
const ENTRIES_AT = 446;
const ENTRY_SIZE = 16;
const GPT_PROTECTIVE = 0xee;

/** Where the four bytes of the disk id stand, little-endian. */
export const DISK_ID_OFFSET = 440;

export const PARTITION_TYPES = {
  fat32: [0x0b, 0x0c],
  fat16: [0x01, 0x04, 0x06, 0x0e],
  linux: [0x83],
} as const satisfies Record<string, readonly number[]>;

export type Partition = {
  /** 1 to 4, the place in the table: partition 2 is `/dev/mmcblk0p2`. */
  readonly number: number;
  readonly type: number;
  /** Bytes from the image's start. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
};

export type PartitionTable = {
  readonly diskId: number;
  /** In the table's order, which need not be the order on the disk. */
  readonly partitions: readonly Partition[];
};

export const hasType = (
  partition: Partition,
  types: readonly number[],
): boolean => types.includes(partition.type);

/** Such as "partition 1: type 0x0c, 512 MiB, from byte 1048576". */
export const describePartition = (partition: Partition): string =>
  `partition ${partition.number}: type 0x${partition.type.toString(16).padStart(2, "0")}, ` +
  `${formatBytes(partition.length)}, from byte ${partition.offset}`;

/** First bytes of what people take for a raw image: [offset, bytes, name]. */
const OTHER_FORMATS: readonly (readonly [number, string, string])[] = [
  [0, "\xfd7zXZ\0", "an xz file that is still compressed"],
  [0, "\x1f\x8b", "a gzip file that is still compressed"],
  [0, "\x28\xb5\x2f\xfd", "a zstd file that is still compressed"],
  [0, "PK\x03\x04", "a zip archive"],
  [0, "QFI\xfb", "a qcow2 disk of a virtual machine"],
  [0, "hsqs", "a squashfs file system"],
  [82, "FAT32   ", "a FAT file system without a partition table"],
  [54, "FAT", "a FAT file system without a partition table"],
  [1080, "\x53\xef", "an ext4 file system without a partition table"],
];

const noTable = (start: Buffer, what: string): UserError => {
  const found = OTHER_FORMATS.find(
    ([offset, bytes]) =>
      start.toString("latin1", offset, offset + bytes.length) === bytes,
  );
  const zero = start.every((byte) => byte === 0);
  const looks = zero ? "nothing but zero bytes" : found?.[2];
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
    hint: "download or copy the image again and compare its checksum",
  });

const readEntry = (mbr: Buffer, index: number): Partition => {
  const at = ENTRIES_AT + index * ENTRY_SIZE;
  return {
    number: index + 1,
    type: mbr.readUInt8(at + 4),
    offset: mbr.readUInt32LE(at + 8) * SECTOR,
    length: mbr.readUInt32LE(at + 12) * SECTOR,
  };
};

const checkPlaces = (partitions: readonly Partition[], size: number): void => {
  const sorted = partitions.toSorted((a, b) => a.offset - b.offset);
  for (const [index, partition] of sorted.entries()) {
    const { number } = partition;
    if (partition.offset === 0 || partition.length === 0) {
      throw wrongTable(
        `partition ${number} of the image starts on the partition table or has no length`,
        partitions,
      );
    }
    if (rangeEnd(partition) > size) {
      throw wrongTable(
        `partition ${number} ends at byte ${rangeEnd(partition)}, but the image has only ${size} bytes`,
        partitions,
      );
    }
    const next = sorted[index + 1];
    if (next !== undefined && next.offset < rangeEnd(partition)) {
      throw wrongTable(
        `partitions ${number} and ${next.number} of the image overlap`,
        partitions,
      );
    }
  }
};

/**
 * Reads the partition table of a raw image. Extended partitions count as one, whatever is inside.
 * Throws BASE_IS_GPT, BASE_HAS_NO_PARTITION_TABLE, or BASE_PARTITION_TABLE_WRONG
 * when partitions overlap or leave the image.
 */
export const readPartitionTable = async (
  source: Source,
): Promise<PartitionTable> => {
  const start = await source.read(0, Math.min(source.size, 2048));
  if (
    start.length < SECTOR ||
    start.readUInt16LE(SECTOR - 2) !== 0xaa55 // the boot signature, bytes 55 aa
  ) {
    throw noTable(start, "the image does not begin with a partition table");
  }
  const entries = [0, 1, 2, 3].map((index) => readEntry(start, index));
  const protective = entries.some((entry) => entry.type === GPT_PROTECTIVE);
  const gpt = await gptHeaderOffset(source);
  if (protective || gpt !== undefined) {
    throw new UserError(
      "BASE_IS_GPT",
      "the image has a GPT partition table; an image for the Raspberry Pi has an MBR one",
      {
        facts: await describeGpt(source, gpt),
        state: "nothing was written",
        hint: "use the preinstalled image for the Raspberry Pi, not the one for PCs or servers",
      },
    );
  }
  const statusBytes = entries.map((_, index) =>
    start.readUInt8(ENTRIES_AT + index * ENTRY_SIZE),
  );
  // A boot sector of another kind has code here: the only values are "active" and "not active".
  if (statusBytes.some((status) => status !== 0 && status !== 0x80)) {
    throw noTable(
      start,
      "the image begins with a boot sector, but not with a partition table",
    );
  }
  const partitions = entries.filter((entry) => entry.type !== 0);
  if (partitions.length === 0) {
    throw noTable(start, "the image's partition table lists no partition");
  }
  checkPlaces(partitions, source.size);
  return { diskId: start.readUInt32LE(DISK_ID_OFFSET), partitions };
};
