// Reads the end records of a .zip file, so that its directory is taken from a known place and has a sane size.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT sections 4.3.14 to 4.3.16
import type { FileHandle } from "node:fs/promises";
import { readAt } from "../../system/exact-io.ts";
import { imageDamaged, imageRefused } from "./damage.ts";

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_SIZE = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_SIZE = 56;
const MAX_COMMENT = 0xffff;
const DIRECTORY_ENTRY_SIZE = 46;
/** A zip that carries an image holds it and perhaps a readme; the reader keeps all entries in memory. */
const MAX_ENTRIES = 10_000;

export type ZipEnd = {
  /** Bytes from the end record to the end of the file. */
  readonly tail: number;
  /** Where the directory begins: no entry's data goes beyond it. */
  readonly directory: number;
  /** Where something begins that is neither part of the archive nor zeros; undefined where nothing follows. */
  readonly behind: number | undefined;
};

/** Reads bytes, with zeros for those before the file's beginning or after its end. */
const zeroFilled = async (
  file: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> => {
  const buffer = Buffer.alloc(length);
  if (position >= 0) {
    await readAt(file, buffer, position);
  }
  return buffer;
};

/** The end record whose comment ends exactly where the file ends, else the last one that is followed by other bytes. */
const findEnd = (
  tail: Buffer,
): { readonly at: number; readonly end: number } | undefined => {
  let found: { readonly at: number; readonly end: number } | undefined;
  for (let at = tail.length - END_SIZE; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) === END_SIGNATURE) {
      const end = at + END_SIZE + tail.readUInt16LE(at + 20);
      if (end === tail.length) {
        return { at, end };
      }
      if (end < tail.length) {
        found ??= { at, end };
      }
    }
  }
  return found;
};

/** Finds the end records, and throws where the file is cut, is followed by too much else, or lies about its directory. */
export const readZipEnd = async (
  path: string,
  file: FileHandle,
): Promise<ZipEnd> => {
  const { size } = await file.stat();
  const room = Math.min(size, END_SIZE + MAX_COMMENT);
  const bytes = await zeroFilled(file, size - room, room);
  const found = findEnd(bytes);
  if (found === undefined) {
    throw imageDamaged(
      path,
      "it does not end with a .zip directory, so it is cut off or something follows the .zip data",
    );
  }
  const end = bytes.subarray(found.at);
  const rest = bytes.subarray(found.end);
  let disk = end.readUInt16LE(4);
  let entries = end.readUInt16LE(10);
  let length = end.readUInt32LE(12);
  let directory = end.readUInt32LE(16);
  let limit = size - end.length;
  if (disk === 0xffff || entries === 0xffff || directory === 0xffffffff) {
    const locator = await zeroFilled(file, limit - LOCATOR_SIZE, LOCATOR_SIZE);
    const position = Number(locator.readBigUInt64LE(8));
    const end64 =
      position <= limit - LOCATOR_SIZE - END64_SIZE
        ? await zeroFilled(file, position, END64_SIZE)
        : Buffer.alloc(END64_SIZE);
    if (
      locator.readUInt32LE(0) !== LOCATOR_SIGNATURE ||
      end64.readUInt32LE(0) !== END64_SIGNATURE
    ) {
      throw imageDamaged(path, "its zip64 end record is missing");
    }
    disk = end64.readUInt32LE(16);
    entries = Number(end64.readBigUInt64LE(32));
    length = Number(end64.readBigUInt64LE(40));
    directory = Number(end64.readBigUInt64LE(48));
    limit = position;
  }
  if (disk !== 0) {
    throw imageRefused(
      path,
      "it is one part of a .zip of several files",
      "join the parts, or unpack them and use the image",
    );
  }
  if (directory + length > limit || entries * DIRECTORY_ENTRY_SIZE > length) {
    throw imageDamaged(
      path,
      `its .zip directory of ${entries} entries does not fit into the file`,
    );
  }
  if (entries > MAX_ENTRIES) {
    throw imageRefused(
      path,
      `it has ${entries} entries`,
      "use a .zip that holds just the image",
    );
  }
  return {
    tail: end.length,
    directory,
    behind: rest.some((byte) => byte !== 0) ? size - rest.length : undefined,
  };
};
