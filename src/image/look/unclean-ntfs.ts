// Whether an NTFS was unmounted, from the record of its volume.
import { NOT_UNMOUNTED, type ReadPart, type Unclean } from "./unclean.ts";

/** NTFS keeps each sector's last two bytes in the record's update sequence and a counter in their place; this undoes that. */
const withoutFixups = (record: Buffer): Buffer => {
  const fixed = Buffer.from(record);
  const at = record.readUInt16LE(4);
  const count = record.readUInt16LE(6);
  for (
    let sector = 1;
    sector < count && sector * 512 <= record.length;
    sector += 1
  ) {
    record.copy(fixed, sector * 512 - 2, at + sector * 2, at + sector * 2 + 2);
  }
  return fixed;
};

const VOLUME_INFORMATION = 0x70;
const IS_DIRTY = 0x1;

/**
 * The dirty flag of `$Volume`, the fourth record of the master file table.
 * https://flatcap.github.io/linux-ntfs/ntfs/attributes/volume_information.html
 */
export const ntfs = async (
  start: Buffer,
  read: ReadPart,
): Promise<Unclean | undefined> => {
  if (start.toString("latin1", 3, 11) !== "NTFS    ") {
    return undefined;
  }
  const perCluster = start.readUInt8(13);
  const cluster =
    start.readUInt16LE(11) *
    (perCluster > 0x80 ? 2 ** (256 - perCluster) : perCluster);
  const clusters = start.readInt8(64);
  const size = clusters < 0 ? 2 ** -clusters : clusters * cluster;
  const table = Number(start.readBigUInt64LE(48)) * cluster;
  if (size < 512 || size > 65_536 || !Number.isSafeInteger(table)) {
    return undefined;
  }
  const raw = await read(table + 3 * size, size);
  if (raw.toString("latin1", 0, 4) !== "FILE") {
    return undefined;
  }
  const record = withoutFixups(raw);
  for (let at = record.readUInt16LE(20); at + 24 <= size;) {
    const length = record.readUInt32LE(at + 4);
    const value = at + record.readUInt16LE(at + 20);
    if (record.readUInt32LE(at) === VOLUME_INFORMATION && value + 12 <= size) {
      return (record.readUInt16LE(value + 10) & IS_DIRTY) === 0
        ? undefined
        : { name: "NTFS", reason: NOT_UNMOUNTED };
    }
    if (length < 24) {
      return undefined;
    }
    at += length;
  }
  return undefined;
};
