// Reads the partition table of any disk or image as Linux would, and says what is wrong with it; refuses nothing.
import { readGpt } from "./gpt-table.ts";
import {
  DISK_ID_OFFSET,
  hasBootSignature,
  isMbrTable,
  isProtective,
  MBR_SIZE,
  protectsGpt,
  readMbrEntries,
} from "./mbr.ts";
import { readMbr } from "./mbr-table.ts";
import type { Source } from "../source.ts";
import type { Reach, SectorSize, TableFinding } from "./table.ts";

const reachOf = (source: Source, options: TableOptions): Reach => ({
  size: "size" in options ? options.size : source.size,
  forwardOnly: options.forwardOnly ?? false,
  read: async (offset, length) => {
    if (
      !Number.isSafeInteger(offset) ||
      offset < 0 ||
      offset + length > source.size
    ) {
      return undefined;
    }
    try {
      return await source.read(offset, length);
    } catch (error) {
      if (error instanceof RangeError) {
        return undefined;
      }
      throw error;
    }
  },
});

export type TableOptions = {
  /**
   * Bytes of the disk or image. `source.size` where not given; undefined where only its beginning is known: then nothing
   * is said about its end, and reads beyond `source.size` are not tried.
   */
  readonly size?: number | undefined;
  /** The disk's logical sectors, where there is a disk: an MBR counts in these. */
  readonly sectorSize?: SectorSize | undefined;
  /** `source` decodes everything before the bytes that it is asked for, so the backup of a GPT is not read. */
  readonly forwardOnly?: boolean;
};

/**
 * The partition table in `source`, which may also be the decoded beginning of an image (64 KiB hold every table but the
 * chain of logical partitions and the backup of a GPT). Never throws for what it finds.
 *
 * The kernel's rule for which table counts: a GPT counts only if an MBR entry of type 0xee starts in sector 1, and where
 * there is any entry of type 0xee, no partition of the MBR counts.
 */
export const readDiskTable = async (
  source: Source,
  options: TableOptions = {},
): Promise<TableFinding> => {
  const reach = reachOf(source, options);
  const sector = await reach.read(0, MBR_SIZE);
  if (sector === undefined || !hasBootSignature(sector)) {
    return { kind: "none", reason: "no signature" };
  }
  const entries = readMbrEntries(sector);
  if (entries.some(protectsGpt)) {
    return readGpt(reach, sector, options.sectorSize);
  }
  if (!isMbrTable(sector)) {
    return { kind: "none", reason: "boot sector" };
  }
  if (entries.some(isProtective)) {
    return {
      kind: "gpt",
      sectorSize: options.sectorSize ?? 512,
      diskId: sector.readUInt32LE(DISK_ID_OFFSET),
      partitions: [],
      containers: [],
      places: [{ offset: 0, length: MBR_SIZE }],
      faults: [
        {
          code: "GPT_DAMAGED",
          message:
            "the protective entry of the image's MBR does not start at sector 1: Linux finds no partitions",
        },
      ],
    };
  }
  return readMbr(reach, sector, options.sectorSize);
};
