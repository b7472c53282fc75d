// Reads the table of an MBR, including logical partitions, and says what is wrong with it.
import {
  DISK_ID_OFFSET,
  isExtended,
  MBR_SIZE,
  type MbrEntry,
  readLogical,
  readMbrEntries,
} from "./mbr.ts";
import { normaliseRanges, type Range, rangeEnd } from "../range.ts";
import {
  atByte,
  type Partition,
  type Reach,
  SECTOR_SIZES,
  type SectorSize,
  type TableFinding,
} from "./table.ts";
import { placeFaults, type TableFault } from "./table-faults.ts";
import type { ReadBytes } from "./gpt.ts";

// Whether a file system begins at a byte: only the cheapest signs, to tell one sector size from the other.

const looksLikeFat = (start: Buffer): boolean =>
  [0xeb, 0xe9, 0xe8].includes(start.readUInt8(0)) &&
  start.readUInt16LE(510) === 0xaa55 &&
  [512, 1024, 2048, 4096].includes(start.readUInt16LE(11));

const SIGNS: readonly (readonly [number, string])[] = [
  [0, "XFSB"],
  [0, "hsqs"],
  [0, "LUKS"],
  [3, "EXFAT   "],
  [3, "NTFS    "],
  [1024, "\u0010\u0020\u00f5\u00f2"],
  [1080, "\u0053\u00ef"],
];

const holdsFileSystemStart = async (
  read: ReadBytes,
  offset: number,
): Promise<boolean> => {
  const start = await read(offset, 2048);
  return (
    start !== undefined &&
    (looksLikeFat(start) ||
      SIGNS.some(
        ([at, sign]) => start.toString("latin1", at, at + sign.length) === sign,
      ))
  );
};

/** An MBR does not say how large its sectors are: the file systems that begin where it points decide. */
const mbrSectorSize = async (
  { read, forwardOnly }: Reach,
  entries: readonly MbrEntry[],
): Promise<SectorSize> => {
  const sorted = entries
    .filter(({ start }) => start > 0)
    .toSorted((a, b) => a.start - b.start);
  for (const sectorSize of SECTOR_SIZES) {
    for (const { start } of forwardOnly ? sorted.slice(0, 1) : sorted) {
      if (await holdsFileSystemStart(read, start * sectorSize)) {
        return sectorSize;
      }
    }
  }
  return 512;
};

/** @param sector the first 512 bytes */
export const readMbr = async (
  reach: Reach,
  sector: Buffer,
  wanted: SectorSize | undefined,
): Promise<TableFinding> => {
  const entries = readMbrEntries(sector).filter(({ type }) => type !== 0);
  if (entries.length === 0) {
    return { kind: "none", reason: "no partition" };
  }
  const sectorSize = wanted ?? (await mbrSectorSize(reach, entries));
  const partitions: Partition[] = [];
  const containers: Partition[] = [];
  const places: Range[] = [{ offset: 0, length: MBR_SIZE }];
  const faults: TableFault[] = [];
  for (const entry of entries) {
    if (!isExtended(entry)) {
      partitions.push(atByte(entry, sectorSize));
      continue;
    }
    const container = atByte(entry, sectorSize);
    containers.push(container);
    const logical = await readLogical(
      reach.read,
      entry,
      sectorSize,
      reach.size,
    );
    for (const { number, type, offset, length } of logical.partitions) {
      partitions.push({ number, type, offset, length });
      if (offset + length > rangeEnd(container)) {
        faults.push({
          code: "PARTITION_PLACE_WRONG",
          message: `partition ${number} of the image reaches beyond the extended partition ${entry.number} that it is in`,
        });
      }
    }
    places.push(
      ...logical.links.map((offset) => ({ offset, length: MBR_SIZE })),
    );
    if (logical.broken !== undefined) {
      faults.push({
        code: "EXTENDED_PARTITION_BROKEN",
        message: `partition ${entry.number} of the image is an extended one, and ${logical.broken}`,
      });
    }
  }
  return {
    kind: "mbr",
    sectorSize,
    diskId: sector.readUInt32LE(DISK_ID_OFFSET),
    partitions,
    containers,
    places: normaliseRanges(places),
    faults: [
      ...placeFaults(partitions, containers, places, reach.size),
      ...faults,
    ],
  };
};
