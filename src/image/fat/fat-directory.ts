// Reads the 32-byte entries of a FAT folder: what each file or folder occupies, not its long name.
// FAT32 File System Specification 1.03, section "FAT Directory Structure".

export const DIRECTORY_ENTRY = 32;

const FREE = 0xe5;
const LONG_NAME = 0x0f;
const VOLUME_LABEL = 0x08;
const FOLDER = 0x10;
const DOT = 0x2e;

export type FatDirectoryEntry = {
  /** The short name, such as "USER-D~1" or "CONFIG.TXT". */
  readonly name: string;
  readonly folder: boolean;
  /** 0 for an empty file. */
  readonly cluster: number;
  /** Bytes; 0 for folders. */
  readonly size: number;
};

const shortName = (entry: Buffer): string => {
  const text = (from: number, to: number) =>
    entry
      .toString("latin1", from, to)
      .trimEnd()
      .replaceAll(/[^\x21-\x7e]/g, "?");
  const extension = text(8, 11);
  return extension === "" ? text(0, 8) : `${text(0, 8)}.${extension}`;
};

/** Files and folders of a folder's bytes, without `.`, `..`, the volume label and long-name parts. */
export const parseFatDirectory = (
  bytes: Uint8Array,
): readonly FatDirectoryEntry[] => {
  const entries: FatDirectoryEntry[] = [];
  for (
    let at = 0;
    at + DIRECTORY_ENTRY <= bytes.length;
    at += DIRECTORY_ENTRY
  ) {
    const entry = Buffer.from(
      bytes.buffer,
      bytes.byteOffset + at,
      DIRECTORY_ENTRY,
    );
    const first = entry.readUInt8(0);
    if (first === 0) {
      break;
    }
    const attributes = entry.readUInt8(11);
    if (
      first === FREE ||
      first === DOT ||
      (attributes & LONG_NAME) === LONG_NAME ||
      (attributes & VOLUME_LABEL) !== 0
    ) {
      continue;
    }
    entries.push({
      name: shortName(entry),
      folder: (attributes & FOLDER) !== 0,
      cluster:
        entry.readUInt16LE(20) * 0x10000 + // the high half of the cluster number
        entry.readUInt16LE(26),
      size: entry.readUInt32LE(28),
    });
  }
  return entries;
};
