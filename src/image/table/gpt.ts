// One copy of a GPT: header and entries with their checksums, by the kernel's rules.
// UEFI Specification 2.10, section 5.3: https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
// https://github.com/torvalds/linux/blob/v6.8/block/partitions/efi.c (is_gpt_valid)
import { crc32 } from "node:zlib";
import type { Range } from "../range.ts";

const SIGNATURE = "EFI PART";
const HEADER_SIZE = 92;
/** The only size that the kernel reads. */
export const GPT_ENTRY_SIZE = 128;
/** 128 entries take 16 KiB; what claims more than this is not a table. */
const MOST_ENTRY_BYTES = 1024 * 1024;

/** The offset of each value in the header. */
export const GPT_HEADER = { crc: 16, diskGuid: 56, entriesCrc: 88 } as const;
/** The offset of each value in an entry. */
export const GPT_ENTRY = { type: 0, guid: 16, first: 32, last: 40 } as const;

export type GptEntry = {
  /** From 1; the kernel's number. */
  readonly number: number;
  /** Type and identity, lower case, as in "c12a7328-f81f-11d2-ba4b-00a0c93ec93b". */
  readonly type: string;
  readonly guid: string;
  readonly name: string;
  /** Sectors; the last one belongs to the partition. */
  readonly first: number;
  readonly last: number;
};

export type GptCopy = {
  /** Sector of this header, and of the other one. */
  readonly lba: number;
  readonly otherLba: number;
  /** Bytes of the header that its checksum covers. */
  readonly headerSize: number;
  readonly firstUsable: number;
  readonly lastUsable: number;
  readonly diskGuid: string;
  /** Bytes from the image's start. */
  readonly headerOffset: number;
  readonly entriesOffset: number;
  readonly entriesLength: number;
  /** Only those in use. */
  readonly entries: readonly GptEntry[];
};

/** A copy, or why there is none. */
export type GptCopyFinding =
  GptCopy | { readonly missing: true } | { readonly wrong: string };

export type ReadBytes = (
  offset: number,
  length: number,
) => Promise<Buffer | undefined>;

/** The first three groups are little-endian numbers (UEFI Specification, appendix A). */
export const guidText = (bytes: Buffer): string => {
  const part = (from: number, to: number): string =>
    Buffer.from(bytes.subarray(from, to)).reverse().toString("hex");
  const rest = bytes.toString("hex", 8, 16);
  return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
};

/** NaN for a sector number that no disk has. */
const lbaAt = (bytes: Buffer, at: number): number => {
  const value = bytes.readBigUInt64LE(at);
  return value < 2n ** 40n ? Number(value) : Number.NaN;
};

const nameOf = (entry: Buffer): string =>
  entry
    .toString("utf16le", 56, 128)
    .replace(/\0[^]*$/, "")
    .replaceAll(/[^\x20-\x7e]/g, "?");

const entriesOf = (table: Buffer, entrySize: number): readonly GptEntry[] =>
  Array.from({ length: table.length / entrySize }, (_, index) => {
    const entry = table.subarray(index * entrySize, (index + 1) * entrySize);
    return entry.subarray(0, 16).every((byte) => byte === 0)
      ? undefined
      : {
          number: index + 1,
          type: guidText(entry.subarray(GPT_ENTRY.type)),
          guid: guidText(entry.subarray(GPT_ENTRY.guid)),
          name: nameOf(entry),
          first: lbaAt(entry, GPT_ENTRY.first),
          last: lbaAt(entry, GPT_ENTRY.last),
        };
  }).filter((entry) => entry !== undefined);

/** A header's checksum counts its own four bytes as zero. */
export const gptHeaderCrc = (header: Buffer): number => {
  const copy = Buffer.from(header);
  copy.writeUInt32LE(0, GPT_HEADER.crc);
  return crc32(copy);
};

/**
 * Reads the copy whose header is in sector `lba`.
 * @param read gives undefined where there are no such bytes
 */
export const readGptCopy = async (
  read: ReadBytes,
  lba: number,
  sectorSize: number,
): Promise<GptCopyFinding> => {
  const headerOffset = lba * sectorSize;
  const sector = await read(headerOffset, 512);
  if (sector?.toString("latin1", 0, SIGNATURE.length) !== SIGNATURE) {
    return { missing: true };
  }
  const headerSize = sector.readUInt32LE(12);
  if (headerSize < HEADER_SIZE || headerSize > 512) {
    return { wrong: `its header claims to have ${headerSize} bytes` };
  }
  const header = sector.subarray(0, headerSize);
  if (gptHeaderCrc(header) !== header.readUInt32LE(GPT_HEADER.crc)) {
    return { wrong: "the checksum of its header is wrong" };
  }
  if (lbaAt(header, 24) !== lba) {
    return { wrong: "its header says that it stands in another sector" };
  }
  const firstUsable = lbaAt(header, 40);
  const lastUsable = lbaAt(header, 48);
  const entriesOffset = lbaAt(header, 72) * sectorSize;
  const entrySize = header.readUInt32LE(84);
  const entriesLength = header.readUInt32LE(80) * entrySize;
  if (entrySize !== GPT_ENTRY_SIZE) {
    return {
      wrong: `its entries have ${entrySize} bytes, and Linux reads only those of ${GPT_ENTRY_SIZE}`,
    };
  }
  if (
    !(lastUsable >= firstUsable) ||
    !(entriesOffset > 0) ||
    entriesLength === 0 ||
    entriesLength > MOST_ENTRY_BYTES
  ) {
    return { wrong: "its header contradicts itself" };
  }
  const table = await read(entriesOffset, entriesLength);
  if (table === undefined) {
    return { wrong: "its list of partitions lies outside of the image" };
  }
  if (crc32(table) !== header.readUInt32LE(GPT_HEADER.entriesCrc)) {
    return { wrong: "the checksum of its list of partitions is wrong" };
  }
  return {
    lba,
    otherLba: lbaAt(header, 32),
    headerSize,
    firstUsable,
    lastUsable,
    diskGuid: guidText(header.subarray(GPT_HEADER.diskGuid)),
    headerOffset,
    entriesOffset,
    entriesLength,
    entries: entriesOf(table, entrySize),
  };
};

export const isGptCopy = (
  finding: GptCopyFinding | undefined,
): finding is GptCopy => finding !== undefined && "lba" in finding;

/** The places that the copy itself takes. */
export const gptPlaces = (copy: GptCopy, sectorSize: number): Range[] => [
  { offset: copy.headerOffset, length: sectorSize },
  { offset: copy.entriesOffset, length: copy.entriesLength },
];
