// What an exFAT file system holds; new cards of 64 GB and more come with one.
// https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification
import { dosTime } from "./dos-time.ts";
import {
  type FileSystemFacts,
  latestOf,
  factText,
} from "./file-system-facts.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { MOST_FOLDER_BYTES, walkClusters } from "./walk-clusters.ts";

const ENTRY = 32;
const LONGEST_BITMAP = 32 * 1024 ** 2;

const BITMAP = 0x81;
const LABEL = 0x83;
const FILE = 0x85;
const STREAM = 0xc0;
const NAME = 0xc1;

type Chain = {
  readonly cluster: number;
  readonly bytes: number;
  /** Its clusters are consecutive, and the allocation table says nothing about them. */
  readonly contiguous: boolean;
};

const chainOf = (entry: Buffer): Chain => ({
  cluster: entry.readUInt32LE(20),
  bytes: Number(entry.readBigUInt64LE(24)),
  contiguous: (entry.readUInt8(1) & 2) !== 0,
});

type Found = {
  label: string | undefined;
  newest: Date | undefined;
  files: number;
  bitmap: Chain | undefined;
};

const look = (folder: Buffer, into: Found): readonly Chain[] => {
  const below: Chain[] = [];
  let inFolder = false;
  let chain: Chain | undefined;
  for (let at = 0; at + ENTRY <= folder.length; at += ENTRY) {
    const entry = folder.subarray(at, at + ENTRY);
    switch (entry.readUInt8(0)) {
      case 0:
        return below;
      case BITMAP:
        into.bitmap ??= { ...chainOf(entry), contiguous: false };
        break;
      case LABEL:
        into.label = factText(
          entry.toString(
            "utf16le",
            2,
            2 + Math.min(entry.readUInt8(1), 11) * 2,
          ),
        );
        break;
      case FILE:
        inFolder = (entry.readUInt16LE(4) & 0x10) !== 0;
        if (!inFolder) {
          into.files += 1;
          into.newest = latestOf(
            into.newest,
            dosTime(entry.readUInt16LE(14), entry.readUInt16LE(12)),
          );
        }
        break;
      case STREAM:
        chain = inFolder ? chainOf(entry) : undefined;
        break;
      case NAME:
        // Windows makes this folder on every card that it sees, so its files say nothing.
        if (
          chain !== undefined &&
          !entry.toString("utf16le", 2).startsWith("System Volume I")
        ) {
          below.push(chain);
        }
        chain = undefined;
        break;
      default:
        break;
    }
  }
  return below;
};

const bitsIn = (bytes: Buffer): number => {
  let count = 0;
  for (const byte of bytes) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) {
      count += 1;
    }
  }
  return count;
};

/** Undefined where the boot sector makes no sense. */
export const lookAtExfat = async (
  source: Source,
  { offset, length }: Range,
): Promise<FileSystemFacts | undefined> => {
  const boot = await source.read(offset, 512);
  const sectorShift = boot.readUInt8(108);
  const clusterShift = sectorShift + boot.readUInt8(109);
  if (sectorShift < 9 || sectorShift > 12 || clusterShift > 25) {
    return undefined;
  }
  const clusterSize = 2 ** clusterShift;
  const tableAt = offset + boot.readUInt32LE(80) * 2 ** sectorShift;
  const heapAt = offset + boot.readUInt32LE(88) * 2 ** sectorShift;
  const clusters = boot.readUInt32LE(92);
  if (heapAt + clusters * clusterSize > offset + length) {
    return undefined;
  }
  const { read, walk } = walkClusters(
    { source, offset: heapAt, size: clusterSize, count: clusters },
    MOST_FOLDER_BYTES + LONGEST_BITMAP,
  );
  const bytesOf = ({ cluster, bytes, contiguous }: Chain): Promise<Buffer> =>
    read(
      cluster,
      async (at) =>
        contiguous
          ? at + 1
          : (await source.read(tableAt + at * 4, 4)).readUInt32LE(0),
      bytes,
    );
  const found: Found = {
    label: undefined,
    newest: undefined,
    files: 0,
    bitmap: undefined,
  };
  const root = await bytesOf({
    cluster: boot.readUInt32LE(96),
    bytes: MOST_FOLDER_BYTES,
    contiguous: false,
  });
  const below = look(root, found);
  const { bitmap } = found;
  const inUse =
    bitmap === undefined || bitmap.bytes > LONGEST_BITMAP
      ? undefined
      : bitsIn(await bytesOf(bitmap));
  await walk(below, async (folder) => look(await bytesOf(folder), found));
  return {
    name: "exFAT",
    label: found.label,
    used: inUse === undefined ? undefined : inUse * clusterSize,
    newest: found.newest,
    empty: found.files === 0,
  };
};
