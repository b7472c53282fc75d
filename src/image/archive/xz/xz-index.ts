// Reads and checks the indexes of an .xz file: where each block lies and which bytes of the image it holds.
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { bytesAt } from "../../../system/exact-io.ts";
import {
  imageDamaged,
  imageRefused,
  MAX_IMAGE_SIZE,
  imageTooLarge,
} from "../damage.ts";
import {
  type BlockRecord,
  type XzCheck,
  EDGE_SIZE,
  isCheck,
  numberReader,
  padded,
  parseStreamFooter,
  parseStreamHeader,
  streamHeader,
} from "./xz-format.ts";
import type { Range } from "../../range.ts";

/** Enough for 1 TiB in blocks of 1 MiB; the lists below then take 32 MiB. */
const MAX_BLOCKS = 2 ** 20;
const MAX_STREAMS = 2 ** 16;
/** The most that MAX_BLOCKS records can take: two numbers of up to 9 bytes each. */
const MAX_INDEX_SIZE = MAX_BLOCKS * 18 + 32;
/** A block has at least a header of 8 bytes without its padding and one byte of data (specification, 4.3). */
const MIN_STORED = 5;
/** LZMA2 stores what it cannot compress with 3 bytes more for 64 KiB; a block far beyond that would only fill memory. */
const mostStored = (decoded: number): number => 2 * decoded + 64 * 1024;
/** How far back the end is looked for: padding may fill a tape's or device's blocks, and a copy may have other bytes at its end. */
const MAX_BEHIND = 1024 * 1024;

/** The blocks of all streams of a file, counted from 0 in the order of the file. */
export type XzIndex = {
  readonly blocks: number;
  /** Decoded bytes of the whole file. */
  readonly size: number;
  /** Decoded bytes of the largest block. */
  readonly largest: number;
  /** Where in the file a block's header is. */
  readonly fileOffset: Float64Array;
  /** A block's bytes in the file, without padding. */
  readonly stored: Float64Array;
  /** First decoded byte of a block; one entry more than blocks, the last is `size`. */
  readonly start: Float64Array;
  readonly check: Uint8Array;
  readonly streams: number;
  /** Bytes of the file up to where its last stream ends; what follows is neither stream nor padding. */
  readonly end: number;
};

type Stream = {
  readonly start: number;
  readonly check: XzCheck;
  readonly records: readonly BlockRecord[];
};

/** Called before bytes of the file are read; it fetches them when the file is fetched in parts. */
export type Demand = (range: Range) => Promise<void>;

/** A file, of which only what was demanded may be there. */
type Parts = { readonly file: FileHandle; readonly demand: Demand | undefined };

const readPart = async (
  { file, demand }: Parts,
  offset: number,
  length: number,
): Promise<Buffer> => {
  await demand?.({ offset, length });
  return bytesAt(file, offset, length);
};

/** Where the stream before `end` ends; between the two is only padding, in multiples of 4 bytes. */
const skipPadding = async (
  path: string,
  file: Parts,
  end: number,
): Promise<number> => {
  const length = Math.min(MAX_BEHIND, end);
  const bytes = await readPart(file, end - length, length);
  const last = bytes.findLastIndex((byte) => byte !== 0);
  // Footers end in "YZ" and not in zeros, so zeros that do not fill 4 bytes are no padding either.
  const position = end - Math.floor((length - 1 - last) / 4) * 4;
  if (last === -1 || position % 4 !== 0) {
    throw notAtEnd(path);
  }
  return position;
};

const notAtEnd = (path: string) =>
  imageDamaged(
    path,
    "it does not end where .xz data can end, so it is cut off or something follows the .xz data",
  );

/**
 * The end of the last stream of a file of `size` bytes. Bytes that are no .xz data may follow it; a further stream, whole or
 * cut off, may not. A stream's length is a multiple of 4 bytes, and its CRC-32 identifies its footer for certain.
 */
const findLastEnd = async (
  path: string,
  file: Parts,
  size: number,
): Promise<number> => {
  const room = Math.min(EDGE_SIZE, size);
  const edge = await readPart(file, size - room, room);
  if (room === EDGE_SIZE && parseStreamFooter(edge) !== undefined) {
    return size;
  }
  const last = await withoutZeros(file, size);
  const from = Math.ceil(Math.max(last - MAX_BEHIND, 0) / 4) * 4;
  const bytes = await readPart(file, from, last - from);
  const at = bytes.lastIndexOf("YZ", undefined, "latin1");
  for (let found = at; found >= EDGE_SIZE - 2;) {
    const end = found + 2;
    if (
      end % 4 === 0 &&
      parseStreamFooter(bytes.subarray(end - EDGE_SIZE, end)) !== undefined
    ) {
      const behind = bytes.subarray(end);
      const next = behind.subarray(behind.findIndex((byte) => byte !== 0));
      if (beginsStream(next)) {
        break;
      }
      return from + end;
    }
    found = bytes.lastIndexOf("YZ", found - 1, "latin1");
  }
  throw notAtEnd(path);
};

/** Where the zeros at the end of the file begin, if there are any; else the end of the file. */
const withoutZeros = async (file: Parts, size: number): Promise<number> => {
  for (let end = size; end > 0;) {
    const length = Math.min(MAX_BEHIND, end);
    const bytes = await readPart(file, end - length, length);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    if (last !== -1) {
      return end - length + last + 1;
    }
    end -= length;
  }
  return 0;
};

/** Whether these bytes were meant to be a stream, one that is cut off or whose header is damaged. */
const beginsStream = (bytes: Buffer): boolean => {
  const magic = streamHeader(0).subarray(0, 6);
  const start = bytes.subarray(0, magic.length);
  return (
    start.length > 0 &&
    (magic.subarray(0, start.length).equals(start) ||
      magic.subarray(0, 3).equals(start.subarray(0, 3)))
  );
};

const parseRecords = (path: string, index: Buffer): BlockRecord[] => {
  const broken = (what: string) =>
    imageDamaged(path, `its .xz index is broken: ${what}`);
  const end = index.length - 4;
  if (index.readUInt32LE(end) !== crc32(index.subarray(0, end))) {
    throw broken("its checksum does not match");
  }
  const numbers = numberReader(index, 1);
  const count = numbers.next();
  // Each record takes at least 2 bytes: a count beyond that is a lie, not a reason to allocate.
  if (index[0] !== 0 || !(count <= index.length / 2)) {
    throw broken(`it claims to list ${count} blocks`);
  }
  if (count > MAX_BLOCKS) {
    throw tooManyBlocks(path);
  }
  const records: BlockRecord[] = [];
  for (let block = 1; block <= count; block += 1) {
    const stored = numbers.next();
    const decoded = numbers.next();
    if (!(stored >= MIN_STORED) || Number.isNaN(decoded)) {
      throw broken(`the entry of block ${block} is not valid`);
    }
    if (stored > mostStored(decoded)) {
      throw broken(
        `block ${block} is said to hold ${decoded} bytes in ${stored}`,
      );
    }
    records.push({ stored, decoded });
  }
  const padding = index.subarray(numbers.position(), end);
  if (padding.length > 3 || padding.some((byte) => byte !== 0)) {
    throw broken("something follows its last entry");
  }
  return records;
};

const tooManyBlocks = (path: string) =>
  imageRefused(
    path,
    `it has more than ${MAX_BLOCKS} blocks`,
    "unpack it and compress it again: xz --block-size=1MiB",
  );

/** Reads the stream whose footer ends at `end`. */
const readStream = async (
  path: string,
  file: Parts,
  end: number,
): Promise<Stream> => {
  const cut = () =>
    imageDamaged(
      path,
      "it does not end with an .xz footer, so it is cut off or something follows the .xz data",
    );
  if (end < 2 * EDGE_SIZE) {
    throw cut();
  }
  const footer = parseStreamFooter(
    await readPart(file, end - EDGE_SIZE, EDGE_SIZE),
  );
  if (footer === undefined) {
    throw cut();
  }
  const indexStart = end - EDGE_SIZE - footer.indexSize;
  if (indexStart < EDGE_SIZE || footer.indexSize > MAX_INDEX_SIZE) {
    throw imageDamaged(
      path,
      `its .xz footer claims an index of ${footer.indexSize} bytes`,
    );
  }
  const records = parseRecords(
    path,
    await readPart(file, indexStart, footer.indexSize),
  );
  const stored = records.reduce((sum, each) => sum + padded(each.stored), 0);
  const start = indexStart - stored - EDGE_SIZE;
  const header =
    start < 0
      ? undefined
      : parseStreamHeader(await readPart(file, start, EDGE_SIZE));
  if (header === undefined || header !== footer.check) {
    throw imageDamaged(
      path,
      "its .xz index does not fit the file: no stream begins where the sizes of the blocks lead to",
    );
  }
  if (!isCheck(header)) {
    throw imageRefused(
      path,
      `its blocks carry a check of the unknown kind ${header}`,
      "unpack it and compress it again with xz",
    );
  }
  return { start, check: header, records };
};

const joinStreams = (
  path: string,
  streams: readonly Stream[],
  fileEnd: number,
): XzIndex => {
  const blocks = streams.reduce((sum, each) => sum + each.records.length, 0);
  const fileOffset = new Float64Array(blocks);
  const stored = new Float64Array(blocks);
  const start = new Float64Array(blocks + 1);
  const check = new Uint8Array(blocks);
  let block = 0;
  let size = 0;
  let largest = 0;
  for (const stream of streams) {
    let position = stream.start + EDGE_SIZE;
    for (const record of stream.records) {
      fileOffset[block] = position;
      stored[block] = record.stored;
      check[block] = stream.check;
      position += padded(record.stored);
      size += record.decoded;
      largest = Math.max(largest, record.decoded);
      block += 1;
      start[block] = size;
      if (size > MAX_IMAGE_SIZE) {
        throw imageTooLarge(path);
      }
    }
  }
  return {
    blocks,
    size,
    largest,
    fileOffset,
    stored,
    start,
    check,
    streams: streams.length,
    end: fileEnd,
  };
};

/**
 * Reads the index of every stream from the end of the file. That the indexes are consistent with the file and within
 * the limits is checked here; that they are true of the blocks is checked when blocks are decoded.
 */
export const readXzIndex = async (
  path: string,
  file: FileHandle,
  demand?: Demand,
): Promise<XzIndex> => {
  const { size } = await file.stat();
  const parts: Parts = { file, demand };
  const streams: Stream[] = [];
  let blocks = 0;
  const fileEnd = await findLastEnd(path, parts, size);
  let end = fileEnd;
  do {
    const stream = await readStream(
      path,
      parts,
      end === fileEnd ? end : await skipPadding(path, parts, end),
    );
    streams.push(stream);
    blocks += stream.records.length;
    if (blocks > MAX_BLOCKS || streams.length > MAX_STREAMS) {
      throw tooManyBlocks(path);
    }
    end = stream.start;
  } while (end > 0);
  return joinStreams(path, streams.toReversed(), fileEnd);
};
