// Finds, by what they hold, the boot partition and the root partition of a Raspberry Pi image.
import { UserError } from "../../report/user-error.ts";
import { bootPartitionDamaged } from "../boot/boot-partition-errors.ts";
import { hasExtMagic } from "../ext4/ext4-superblock.ts";
import { readFatGeometry, type FatGeometry } from "../fat/fat-geometry.ts";
import type { DiskTable, Partition } from "./table.ts";
import {
  describePartition,
  hasType,
  PARTITION_TYPES,
} from "./partition-table.ts";
import type { Source } from "../source.ts";

export type BootPartition = {
  readonly partition: Partition;
  readonly geometry: FatGeometry;
};

const USE_PREINSTALLED =
  "use the preinstalled image for the Raspberry Pi; its first partition is FAT32";

type BootPartitions = readonly [BootPartition, ...BootPartition[]];

/**
 * The FAT32 partitions, in the table's order: the firmware boots from one of them.
 * Throws BASE_HAS_NO_BOOT_PARTITION, BOOT_PARTITION_NOT_FAT32 or BOOT_PARTITION_DAMAGED.
 */
export const findBootPartitions = async (
  source: Source,
  table: DiskTable,
): Promise<BootPartitions> => {
  const candidates = table.partitions.filter((partition) =>
    hasType(partition, [...PARTITION_TYPES.fat32, ...PARTITION_TYPES.fat16]),
  );
  const found: BootPartition[] = [];
  let refusal: UserError | undefined;
  for (const partition of candidates) {
    const finding = await readFatGeometry(source, partition);
    const where = `partition ${partition.number}`;
    switch (finding.kind) {
      case "fat32":
        found.push({ partition, geometry: finding.geometry });
        break;
      case "other":
        refusal ??= new UserError(
          "BOOT_PARTITION_NOT_FAT32",
          `${where} of the base image holds ${finding.name}; pi-image edits FAT32 only`,
          {
            facts: table.partitions.map(describePartition),
            state: "nothing was written",
            hint: USE_PREINSTALLED,
          },
        );
        break;
      case "damaged":
        refusal ??= bootPartitionDamaged(finding.reason);
        break;
      case "none":
        break;
    }
  }
  const [first, ...others] = found;
  if (first !== undefined) {
    return [first, ...others];
  }
  throw (
    refusal ??
    new UserError(
      "BASE_HAS_NO_BOOT_PARTITION",
      "the base image has no FAT32 partition to boot from",
      {
        facts: table.partitions.map(describePartition),
        state: "nothing was written",
        hint: USE_PREINSTALLED,
      },
    )
  );
};

/** The first of these FAT32 partitions. */
export const findBootPartition = async (
  source: Source,
  table: DiskTable,
): Promise<BootPartition> => (await findBootPartitions(source, table))[0];

/** The first Linux partition that holds ext4; undefined where there is none. */
export const findRootPartition = async (
  source: Source,
  table: DiskTable,
): Promise<Partition | undefined> => {
  for (const partition of table.partitions) {
    if (
      hasType(partition, PARTITION_TYPES.linux) &&
      (await hasExtMagic(source, partition))
    ) {
      return partition;
    }
  }
  return undefined;
};
