// What a partition table is to pi-image, whichever kind it is.
import type { GptCopy, ReadBytes } from "./gpt.ts";
import type { MbrEntry } from "./mbr.ts";
import type { Range } from "../range.ts";
import type { TableFault } from "./table-faults.ts";

export type Partition = {
  /** The kernel's: partition 2 is `/dev/mmcblk0p2`; logical ones start with 5. */
  readonly number: number;
  /** The byte in an MBR; in a GPT the GUID, lower case. */
  readonly type: number | string;
  /** Bytes from the image's start. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** In a GPT only: PARTUUID and PARTLABEL. */
  readonly guid?: string;
  readonly name?: string;
};

export type SectorSize = 512 | 4096;

export type DiskTable = {
  readonly kind: "mbr" | "gpt";
  /** The unit in which the table counts. An MBR does not record it, so there it is inferred from the file systems. */
  readonly sectorSize: SectorSize;
  /** Of the MBR; 0 means that there is none. */
  readonly diskId: number;
  /** In the table's order, which need not be the order on the disk; not the extended partitions, but the ones inside them. */
  readonly partitions: readonly Partition[];
  /** Extended partitions. */
  readonly containers: readonly Partition[];
  /** The places that the table itself takes, as far as they lie within the image; normalised. */
  readonly places: readonly Range[];
  readonly gpt?: {
    readonly diskGuid: string;
    /** Undefined where it is damaged or absent. */
    readonly primary: GptCopy | undefined;
    readonly backup: GptCopy | undefined;
    /** Entries of a hybrid MBR, beside the protective one. */
    readonly hybrid: readonly Partition[];
  };
  /** What is wrong, worst first; empty for a table that every system reads alike. */
  readonly faults: readonly TableFault[];
};

export type NoTable = {
  readonly kind: "none";
  readonly reason:
    /** Not even a sector, or no boot signature in it. */
    | "no signature"
    /** A boot sector of another kind: the start of a file system, or of a boot loader. */
    | "boot sector"
    | "no partition";
};

export type TableFinding = DiskTable | NoTable;

/** What can be read of a disk or an image: all of it, its beginning, or each byte once and in order. */
export type Reach = {
  /** Bytes; undefined where nobody knows yet. */
  readonly size: number | undefined;
  /** Gives undefined where there are no such bytes, or where they cannot be reached. */
  readonly read: ReadBytes;
  /** Reaching a byte means decoding all bytes before it, so nothing far away is read. */
  readonly forwardOnly: boolean;
};

export const SECTOR_SIZES = [512, 4096] as const;

/** An entry's place in bytes. */
export const atByte = (entry: MbrEntry, sectorSize: number): Partition => ({
  number: entry.number,
  type: entry.type,
  offset: entry.start * sectorSize,
  length: entry.sectors * sectorSize,
});
