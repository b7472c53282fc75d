// What can be wrong with a partition table, and which of its partitions lie where none can; computes only.
import { type Range, rangeEnd } from "../range.ts";

export type TableFaultCode =
  | "PARTITION_BEYOND_END"
  | "PARTITION_PLACE_WRONG"
  | "PARTITIONS_OVERLAP"
  | "EXTENDED_PARTITION_BROKEN"
  | "GPT_CUT_SHORT"
  | "GPT_DAMAGED"
  | "GPT_BACKUP_DAMAGED"
  | "HYBRID_MBR_DIFFERS";

export type TableFault = {
  readonly code: TableFaultCode;
  /** A sentence without its full stop. */
  readonly message: string;
};

/** All that the checks need to know of a partition. */
type NumberedRange = Range & { readonly number: number };

/** Negated, so that it is also true for NaN, which stands for a number that no disk has. */
const hasPlace = ({ offset, length }: NumberedRange): boolean =>
  !(offset <= 0) && !(length <= 0);

const overlapFaults = (partitions: readonly NumberedRange[]): TableFault[] => {
  const sorted = partitions
    .filter(hasPlace)
    .toSorted((a, b) => a.offset - b.offset);
  const faults: TableFault[] = [];
  let [longest] = sorted;
  for (const partition of sorted.slice(1)) {
    if (longest !== undefined && partition.offset < rangeEnd(longest)) {
      faults.push({
        code: "PARTITIONS_OVERLAP",
        message: `partitions ${longest.number} and ${partition.number} of the image overlap`,
      });
    }
    if (longest === undefined || rangeEnd(partition) > rangeEnd(longest)) {
      longest = partition;
    }
  }
  return faults;
};

const onTable = (partition: NumberedRange, places: readonly Range[]): boolean =>
  places.some(
    (place) =>
      partition.offset < rangeEnd(place) && place.offset < rangeEnd(partition),
  );

const count = (bytes: number): string =>
  Number.isFinite(bytes) ? `byte ${bytes}` : "a byte that no disk has";

/**
 * @param containers extended partitions, which may overlap the partitions inside them, and nothing else
 * @param places of the table itself
 * @param size bytes of the image; undefined where it is not known
 */
export const placeFaults = (
  partitions: readonly NumberedRange[],
  containers: readonly NumberedRange[],
  places: readonly Range[],
  size: number | undefined,
): readonly TableFault[] => {
  const all = [...partitions, ...containers];
  const isLogical = ({ number }: NumberedRange): boolean =>
    containers.length > 0 && number > 4;
  return [
    ...all
      .filter((partition) => !hasPlace(partition))
      .map(({ number }): TableFault => ({
        code: "PARTITION_PLACE_WRONG",
        message: `partition ${number} of the image starts on the partition table or has no length`,
      })),
    ...partitions
      .filter((partition) => hasPlace(partition) && onTable(partition, places))
      .map(({ number }): TableFault => ({
        code: "PARTITION_PLACE_WRONG",
        message: `partition ${number} of the image covers a part of the partition table`,
      })),
    ...all
      .filter(
        (partition) =>
          hasPlace(partition) &&
          size !== undefined &&
          !(rangeEnd(partition) <= size),
      )
      .map((partition): TableFault => ({
        code: "PARTITION_BEYOND_END",
        message: `partition ${partition.number} ends at ${count(rangeEnd(partition))}, but the image has only ${size} bytes`,
      })),
    ...overlapFaults([
      ...partitions.filter((partition) => !isLogical(partition)),
      ...containers,
    ]),
    ...overlapFaults(partitions.filter(isLogical)),
  ];
};
