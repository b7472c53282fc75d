// Walks the frames of a .zst file without decoding them: finds cuts, trailing bytes, and the decoded size.
// https://www.rfc-editor.org/rfc/rfc8878 section 3
import { readSync } from "node:fs";
import { imageDamaged, imageRefused } from "./damage.ts";

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What `zstd --decompress` accepts without being asked for more. */
const MAX_WINDOW = 128 * 1024 * 1024;
/** Longest frame header: magic, descriptor, window, dictionary id, content size. */
const HEADER_ROOM = 18;

type OpenedFile = {
  readonly path: string;
  readonly fd: number;
  readonly size: number;
};

/** Bytes to read at once: headers of full blocks are up to 128 KiB apart, those of empty blocks lie side by side. */
const WINDOW = 4096;

/** Four times the blocks of 1 TiB in full blocks; a file with more is made to keep its reader busy. */
const MOST_BLOCKS = 2 ** 25;

type File = OpenedFile & {
  /** What was read last, so that neighbouring headers cost one read. */
  readonly window: { bytes: Buffer; start: number };
  blocks: number;
};

/** At most 18 bytes. Synchronous: a promise for every 128 KiB of the image would take seconds. */
const windowAt = (file: File, position: number, length: number): Buffer => {
  const { window } = file;
  if (
    position < window.start ||
    position + length > window.start + window.bytes.length
  ) {
    const buffer = Buffer.alloc(WINDOW);
    const count = readSync(file.fd, buffer, 0, WINDOW, position);
    file.window.bytes = buffer.subarray(0, count);
    file.window.start = position;
  }
  const from = position - window.start;
  return window.bytes.subarray(from, from + length);
};

const countBlock = (file: File): void => {
  file.blocks += 1;
  if (file.blocks > MOST_BLOCKS) {
    throw imageRefused(
      file.path,
      `it has more than ${MOST_BLOCKS} blocks`,
      "unpack it and compress it again with zstd",
    );
  }
};

const cutFrames = (file: File) =>
  imageDamaged(
    file.path,
    `its .zst data goes on past its end at byte ${file.size}, so it is cut off`,
  );

const readNumber = (bytes: Buffer, position: number, size: number): number =>
  size === 8
    ? Number(bytes.readBigUInt64LE(position))
    : size === 0
      ? 0
      : bytes.readUIntLE(position, size);

type FrameHeader = {
  readonly length: number;
  readonly content: number | undefined;
  readonly checksum: boolean;
};

const parseFrameHeader = (file: File, position: number): FrameHeader => {
  const bytes = Buffer.alloc(HEADER_ROOM);
  const found = windowAt(file, position, HEADER_ROOM).copy(bytes);
  const descriptor = bytes[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const windowSize = singleSegment ? 0 : 1;
  const dictionarySize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][sizeFlag] ?? 0;
  const length = 5 + windowSize + dictionarySize + contentSize;
  if (found < length) {
    throw cutFrames(file);
  }
  if ((descriptor & 0x08) !== 0) {
    throw imageDamaged(
      file.path,
      `the .zst frame at byte ${position} has a reserved bit set`,
    );
  }
  const content =
    contentSize === 0
      ? undefined
      : readNumber(bytes, length - contentSize, contentSize) +
        (contentSize === 2 ? 256 : 0);
  if (readNumber(bytes, 5 + windowSize, dictionarySize) !== 0) {
    throw imageRefused(
      file.path,
      "its .zst data needs a dictionary",
      "compress the image again without a dictionary",
    );
  }
  const exponent = (bytes[5] ?? 0) >> 3;
  const mantissa = (bytes[5] ?? 0) & 7;
  const window = singleSegment
    ? (content ?? 0)
    : 2 ** (10 + exponent) * (1 + mantissa / 8);
  if (window > MAX_WINDOW) {
    throw imageRefused(
      file.path,
      `decoding its .zst data would take ${Math.ceil(window / 2 ** 20)} MiB of memory`,
      "compress the image again without --long",
    );
  }
  return { length, content, checksum: (descriptor & 0x04) !== 0 };
};

/** The end of a frame's blocks. */
const skipBlocks = (file: File, start: number): number => {
  let position = start;
  for (;;) {
    countBlock(file);
    const bytes = windowAt(file, position, 3);
    if (bytes.length < 3) {
      throw cutFrames(file);
    }
    const header = bytes.readUIntLE(0, 3);
    const type = (header >> 1) & 3;
    if (type === 3) {
      throw imageDamaged(
        file.path,
        `the .zst block at byte ${position} is of no known type`,
      );
    }
    // A run-length block stores one byte, whatever its size.
    position += 3 + (type === 1 ? 1 : header >> 3);
    if ((header & 1) === 1) {
      return position;
    }
  }
};

export type ZstdFrames = {
  /** Decoded bytes; undefined unless every frame gives its size. */
  readonly size: number | undefined;
  /** Bytes of the file up to the end of its last frame; what follows it is not .zst data. */
  readonly end: number;
};

/** Whether these bytes, which may be fewer than a magic number has, could be the beginning of a frame that is cut off. */
const beginsFrame = (bytes: Buffer): boolean => {
  const known = bytes.subarray(0, 4);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(FRAME_MAGIC);
  return known.length > 0 && known.equals(magic.subarray(0, known.length));
};

/** Checks that the file is made of whole frames, after which something else may follow. */
export const walkZstdFrames = (opened: OpenedFile): ZstdFrames => {
  const file: File = {
    ...opened,
    window: { bytes: Buffer.alloc(0), start: 0 },
    blocks: 0,
  };
  let size: number | undefined = 0;
  let position = 0;
  while (position < file.size) {
    countBlock(file);
    const start = windowAt(file, position, 8);
    const magic = start.length < 4 ? 0 : start.readUInt32LE(0);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      position += 8 + (start.length < 8 ? file.size : start.readUInt32LE(4));
    } else if (magic === FRAME_MAGIC) {
      const header = parseFrameHeader(file, position);
      size =
        size === undefined || header.content === undefined
          ? undefined
          : size + header.content;
      position =
        skipBlocks(file, position + header.length) + (header.checksum ? 4 : 0);
    } else if (beginsFrame(start)) {
      throw cutFrames(file);
    } else {
      return { size, end: position };
    }
  }
  if (position > file.size) {
    throw cutFrames(file);
  }
  return { size, end: position };
};
