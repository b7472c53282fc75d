// An image that is larger than the card, cut where nothing but zeros follows its last partition.
import { rangeEnd } from "../image/range.ts";
import type { ImageReader } from "../image/reader.ts";
import type { Report } from "../report/events.ts";
import type { FlashSource } from "./image-source.ts";

const SECTOR = 512;
const GPT_PROTECTIVE = 0xee;

const firstSector = async (reader: ImageReader): Promise<Buffer> => {
  if (reader.source !== undefined) {
    return reader.source.read(0, SECTOR);
  }
  for await (const { data } of reader.chunks([{ offset: 0, length: SECTOR }])) {
    return Buffer.from(data.subarray(0, SECTOR));
  }
  return Buffer.alloc(0);
};

/** Where the last partition ends; undefined with a GPT, whose backup copy is at the very end of the image. */
const endOfPartitions = async (
  reader: ImageReader,
): Promise<number | undefined> => {
  const mbr = await firstSector(reader);
  if (mbr.length < SECTOR) {
    return undefined;
  }
  const entries = [446, 462, 478, 494].map((at) => ({
    type: mbr.readUInt8(at + 4),
    end: (mbr.readUInt32LE(at + 8) + mbr.readUInt32LE(at + 12)) * SECTOR,
  }));
  return entries.some(({ type }) => type === GPT_PROTECTIVE)
    ? undefined
    : Math.max(...entries.map(({ type, end }) => (type === 0 ? 0 : end)));
};

const isZeroFrom = async (
  { reader, size }: FlashSource,
  from: number,
  signal: AbortSignal,
): Promise<boolean> => {
  const rest = { offset: from, length: size - from };
  for await (const { offset, data } of reader.chunks([rest])) {
    signal.throwIfAborted();
    const start = Math.max(from - offset, 0);
    if (data.subarray(start).some((byte) => byte !== 0)) {
      return false;
    }
  }
  return true;
};

/**
 * The source cut to `room` bytes, if every partition ends before that and nothing but zeros is lost; otherwise the source as
 * it is. Where nothing is known of the image, its one range goes on to the end, so the bytes to be cut are read.
 */
export const fitSource = async (
  source: FlashSource,
  room: number | undefined,
  { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
): Promise<FlashSource> => {
  if (room === undefined || source.size <= room) {
    return source;
  }
  const size = Math.floor(room / SECTOR) * SECTOR;
  const end = await endOfPartitions(source.reader);
  const used = source.ranges.map(rangeEnd).at(-1) ?? 0;
  if (
    end === undefined ||
    end > size ||
    (used > size && !(await isZeroFrom(source, size, signal)))
  ) {
    return source;
  }
  report({
    type: "notice",
    subject: source.label,
    message: `the image has ${(source.size - size).toLocaleString("en-US")} bytes more than the card, and no data in them, so they are left out`,
  });
  return {
    ...source,
    size,
    ranges: source.ranges.flatMap(({ offset, length }) =>
      offset < size
        ? [{ offset, length: Math.min(length, size - offset) }]
        : [],
    ),
  };
};
