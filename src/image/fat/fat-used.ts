// Marks what a FAT32 partition uses: everything before the data, and every cluster that is not free.
import { readFatGeometry } from "./fat-geometry.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { UsedMap } from "../used-map.ts";

const READ_AT_ONCE = 1024 * 1024;

/**
 * Marks the partition's used blocks and returns undefined, or returns why its metadata cannot be trusted.
 * Every cluster that the FAT marks as allocated is kept, even if no file reaches it.
 */
export const markFatUsed = async (
  source: Source,
  partition: Range,
  map: UsedMap,
): Promise<string | undefined> => {
  const finding = await readFatGeometry(source, partition);
  if (finding.kind !== "fat32") {
    return finding.kind === "damaged"
      ? `its FAT32 boot sector is wrong: ${finding.reason}`
      : `it holds ${finding.kind === "other" ? finding.name : "no file system of the FAT family"}`;
  }
  const { geometry } = finding;
  const { fatLength, clusterSize } = geometry;
  const data = partition.offset + geometry.dataOffset;
  const fat = partition.offset + geometry.fatOffset;
  let runStart = -1;
  const endRun = (cluster: number): void => {
    if (runStart >= 0) {
      map.mark(
        data + (runStart - 2) * clusterSize,
        (cluster - runStart) * clusterSize,
      );
      runStart = -1;
    }
  };
  for (let at = 0; at < fatLength; at += READ_AT_ONCE) {
    const length = Math.min(READ_AT_ONCE, fatLength - at);
    const part = await source.read(fat + at, length);
    for (let copy = 1; copy < geometry.fatCopies; copy += 1) {
      const other = await source.read(fat + copy * fatLength + at, length);
      const from = at === 0 ? 8 : 0; // the first two entries are flags
      if (!part.subarray(from).equals(other.subarray(from))) {
        return "the copies of its file allocation table differ";
      }
    }
    const first = at / 4;
    const end = Math.min(first + length / 4, geometry.clusters + 2);
    for (let cluster = Math.max(first, 2); cluster < end; cluster += 1) {
      if (part.readUInt32LE((cluster - first) * 4) === 0) {
        endRun(cluster);
      } else if (runStart < 0) {
        runStart = cluster;
      }
    }
  }
  endRun(geometry.clusters + 2);
  map.mark(partition.offset, geometry.dataOffset);
  return undefined;
};
