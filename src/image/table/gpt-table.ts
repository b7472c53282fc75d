// Reads both copies of a GPT and the MBR around it, and says what is wrong with them.
import { type GptCopy, gptPlaces, isGptCopy, readGptCopy } from "./gpt.ts";
import {
  DISK_ID_OFFSET,
  isProtective,
  MBR_SIZE,
  readMbrEntries,
} from "./mbr.ts";
import { normaliseRanges } from "../range.ts";
import {
  atByte,
  type DiskTable,
  type Partition,
  type Reach,
  SECTOR_SIZES,
  type SectorSize,
} from "./table.ts";
import { placeFaults, type TableFault } from "./table-faults.ts";

const hybridFault = (
  hybrid: readonly Partition[],
  partitions: readonly Partition[],
): TableFault[] =>
  hybrid
    .filter(
      (entry) =>
        !partitions.some(
          ({ offset, length }) =>
            offset === entry.offset && length === entry.length,
        ),
    )
    .map(({ number }) => ({
      code: "HYBRID_MBR_DIFFERS",
      message: `entry ${number} of the image's hybrid MBR is not a partition of its GPT, so that the Pi's firmware and Linux see different partitions`,
    }));

type Copies = {
  readonly sectorSize: SectorSize;
  readonly primary: GptCopy | undefined;
  readonly backup: GptCopy | undefined;
  readonly faults: readonly TableFault[];
};

/** The backup is where the primary says; without a primary it is in the last sector. */
const readCopies = async (
  { size, read, forwardOnly }: Reach,
  sectorSize: SectorSize,
): Promise<Copies | undefined> => {
  const first = await readGptCopy(read, 1, sectorSize);
  if (!isGptCopy(first)) {
    const last =
      size === undefined || forwardOnly
        ? undefined
        : await readGptCopy(
            read,
            Math.floor(size / sectorSize) - 1,
            sectorSize,
          );
    const backup = isGptCopy(last) ? last : undefined;
    if (backup === undefined && "missing" in first) {
      return undefined;
    }
    const why = "wrong" in first ? first.wrong : "it is not there";
    const faults: TableFault[] = [
      {
        code: "GPT_DAMAGED",
        message: `the image's GPT is damaged, and Linux finds no partitions: ${why}`,
      },
    ];
    return { sectorSize, primary: undefined, backup, faults };
  }
  const end = (first.otherLba + 1) * sectorSize;
  if (size === undefined) {
    return { sectorSize, primary: first, backup: undefined, faults: [] };
  }
  if (!(end <= size)) {
    const faults: TableFault[] = [
      {
        code: "GPT_CUT_SHORT",
        message: `the image is cut short: its GPT is for ${end} bytes, and it has only ${size}, so the backup at its end is missing`,
      },
    ];
    return { sectorSize, primary: first, backup: undefined, faults };
  }
  if (forwardOnly) {
    return { sectorSize, primary: first, backup: undefined, faults: [] };
  }
  const other = await readGptCopy(read, first.otherLba, sectorSize);
  const backup = isGptCopy(other) ? other : undefined;
  // The end of a packed image cannot always be read, and a backup that was not read must not be called damaged.
  const seen = (await read(end - sectorSize, sectorSize)) !== undefined;
  return {
    sectorSize,
    primary: first,
    backup,
    faults:
      backup !== undefined || !seen
        ? []
        : [
            {
              code: "GPT_BACKUP_DAMAGED",
              message: `the backup of the image's GPT is damaged: ${"wrong" in other ? other.wrong : "it is not there"}`,
            },
          ],
  };
};

/** @param sector the first 512 bytes, with the entry that protects the GPT */
export const readGpt = async (
  reach: Reach,
  sector: Buffer,
  wanted: SectorSize | undefined,
): Promise<DiskTable> => {
  const sizes =
    wanted === undefined
      ? SECTOR_SIZES
      : [wanted, ...SECTOR_SIZES.filter((size) => size !== wanted)];
  let found: Copies | undefined;
  for (const sectorSize of sizes) {
    const copies = await readCopies(reach, sectorSize);
    if (found === undefined || copies?.primary !== undefined) {
      found = copies ?? found;
    }
    if (found?.primary !== undefined) {
      break;
    }
  }
  const sectorSize = found?.sectorSize ?? wanted ?? 512;
  const used = found?.primary ?? found?.backup;
  const partitions: Partition[] = (used?.entries ?? []).map(
    ({ number, type, guid, name, first, last }) => ({
      number,
      type,
      guid,
      name,
      offset: first * sectorSize,
      length: (last - first + 1) * sectorSize,
    }),
  );
  const hybrid = readMbrEntries(sector)
    .filter(
      (entry) =>
        entry.type !== 0 && entry.sectors !== 0 && !isProtective(entry),
    )
    .map((entry) => atByte(entry, sectorSize));
  const copies = [found?.primary, found?.backup].filter(
    (copy) => copy !== undefined,
  );
  const places = normaliseRanges([
    { offset: 0, length: MBR_SIZE },
    ...copies.flatMap((copy) => gptPlaces(copy, sectorSize)),
  ]);
  return {
    kind: "gpt",
    sectorSize,
    diskId: sector.readUInt32LE(DISK_ID_OFFSET),
    partitions,
    containers: [],
    places,
    gpt: {
      diskGuid: used?.diskGuid ?? "",
      primary: found?.primary,
      backup: found?.backup,
      hybrid,
    },
    faults: [
      ...placeFaults(partitions, [], places, reach.size),
      ...(found?.faults ?? [
        {
          code: "GPT_DAMAGED",
          message:
            "the image's MBR says that there is a GPT, but there is none: Linux finds no partitions",
        },
      ]),
      ...(used === undefined ? [] : hybridFault(hybrid, partitions)),
    ],
  };
};
