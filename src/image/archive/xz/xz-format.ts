// The parts of an .xz stream around its blocks: stream header, index, stream footer.
// https://tukaani.org/xz/xz-file-format.txt sections 2.1, 2.2 and 4
import { crc32 } from "node:zlib";

/** Ids of the integrity checks that are in use: none, CRC32, CRC64, SHA-256. */
export type XzCheck = 0 | 1 | 4 | 10;

export const isCheck = (id: number): id is XzCheck =>
  id === 0 || id === 1 || id === 4 || id === 10;

/** Bytes of a stream header, and of a stream footer. */
export const EDGE_SIZE = 12;

const HEADER_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const FOOTER_MAGIC = Buffer.from("YZ", "latin1");

/** Sizes in the format are multiples of 4. */
export const padded = (size: number): number => Math.ceil(size / 4) * 4;

export const streamHeader = (check: XzCheck): Buffer => {
  const header = Buffer.alloc(EDGE_SIZE);
  HEADER_MAGIC.copy(header);
  header[7] = check;
  header.writeUInt32LE(crc32(header.subarray(6, 8)), 8);
  return header;
};

export const streamFooter = (check: XzCheck, indexSize: number): Buffer => {
  const footer = Buffer.alloc(EDGE_SIZE);
  footer.writeUInt32LE(indexSize / 4 - 1, 4);
  footer[9] = check;
  FOOTER_MAGIC.copy(footer, 10);
  footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
  return footer;
};

export const hasHeaderMagic = (bytes: Uint8Array): boolean =>
  HEADER_MAGIC.equals(bytes.subarray(0, HEADER_MAGIC.length));

/** The check's id from a stream header, or undefined where the header is not valid. */
export const parseStreamHeader = (bytes: Buffer): number | undefined =>
  hasHeaderMagic(bytes) &&
  bytes[6] === 0 &&
  bytes.readUInt32LE(8) === crc32(bytes.subarray(6, 8))
    ? bytes[7]
    : undefined;

/** The check's id and the size of the index in front, or undefined where the footer is not valid. */
export const parseStreamFooter = (
  bytes: Buffer,
): { readonly check: number; readonly indexSize: number } | undefined => {
  const check = bytes[9];
  return bytes.subarray(10).equals(FOOTER_MAGIC) &&
    bytes[8] === 0 &&
    check !== undefined &&
    bytes.readUInt32LE(0) === crc32(bytes.subarray(4, 10))
    ? { check, indexSize: (bytes.readUInt32LE(4) + 1) * 4 }
    : undefined;
};

/** Numbers are stored with 7 bits in each byte, low bits first; the top bit says that more bytes follow. */
export const encodeNumber = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
};

/** Reads numbers one after the other; NaN where there is none, or one that is longer than needed or beyond 2^53. */
export const numberReader = (bytes: Uint8Array, start: number) => {
  let position = start;
  return {
    position: (): number => position,
    next: (): number => {
      let value = 0;
      let scale = 1;
      for (let count = 0; count < 9; count += 1) {
        const byte = bytes[position];
        if (byte === undefined) {
          return Number.NaN;
        }
        position += 1;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) {
          const wasteful = byte === 0 && count > 0;
          return wasteful || value > Number.MAX_SAFE_INTEGER
            ? Number.NaN
            : value;
        }
        scale *= 0x80;
      }
      return Number.NaN;
    },
  };
};

/** One block as the index tells it: stored bytes without padding, and decoded bytes. */
export type BlockRecord = { readonly stored: number; readonly decoded: number };

export const encodeIndex = (records: readonly BlockRecord[]): Buffer => {
  const bytes = [0, ...encodeNumber(records.length)];
  for (const record of records) {
    bytes.push(...encodeNumber(record.stored), ...encodeNumber(record.decoded));
  }
  const index = Buffer.alloc(padded(bytes.length) + 4);
  index.set(bytes);
  const end = index.length - 4;
  index.writeUInt32LE(crc32(index.subarray(0, end)), end);
  return index;
};
