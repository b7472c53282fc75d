// Where partitions lie on a disk that somebody used for anything: read leniently, to say what would be overwritten.
import { readDiskTable } from "./disk-table.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { SectorSize } from "./table.ts";

export type PartitionPlace = Range & {
  /** As in the kernel's names; undefined for a disk without partitions. */
  readonly number: number | undefined;
};

const inside = (source: Source, place: PartitionPlace): boolean =>
  place.offset > 0 &&
  place.length > 0 &&
  place.offset + place.length <= source.size;

/**
 * Partitions that lie within the disk; a disk without a table is one place. On a disk with sectors of 4096 bytes, a table
 * that somebody copied there from a disk with the others is found too: its files are all there.
 */
export const partitionPlaces = async (
  source: Source,
  sectorSize?: SectorSize,
): Promise<readonly PartitionPlace[]> => {
  if (source.size < 4096) {
    return [];
  }
  const whole: PartitionPlace = {
    number: undefined,
    offset: 0,
    length: source.size,
  };
  const tables = [
    await readDiskTable(source, { sectorSize }),
    ...(sectorSize === 4096 ? [await readDiskTable(source)] : []),
  ];
  const [table] = tables;
  if (table === undefined || table.kind === "none") {
    return [whole];
  }
  const places = tables
    .flatMap((found) => (found.kind === "none" ? [] : found.partitions))
    .filter((place) => inside(source, place));
  const distinct = places.filter(
    ({ offset }, index) =>
      index === places.findIndex((place) => place.offset === offset),
  );
  return table.partitions.length === 0 ? [whole] : distinct;
};
