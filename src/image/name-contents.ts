// Says whether a file's first bytes are those of a disk with partitions, and if not, what they are.
import { extName, extSuperblock } from "./ext4/ext-marks.ts";
import {
  ANDROID_SPARSE,
  ARCHIVES,
  nameBySignature,
  OTHER_FILES,
  TRAILERS,
  VOLUMES,
  WRAPPED_DISKS,
} from "./signatures.ts";

/** The signatures lie within this many bytes of the start; that of btrfs lies farthest in. */
export const LOOKED_AT = 128 * 1024;
/** How many bytes at the end are looked at. */
export const TRAILER_SIZE = 512;

const SECTOR = 512;
const ENTRIES_AT = 446;
const ENTRY_SIZE = 16;

export type Contents = {
  /** With its article, such as "a tar archive". */
  readonly name: string;
  /** What to do with it to get an image. */
  readonly hint: string;
};

type Entry = {
  readonly status: number;
  readonly type: number;
  readonly start: number;
  readonly length: number;
};

const entriesOf = (start: Buffer): readonly Entry[] =>
  [0, 1, 2, 3].map((index) => {
    const at = ENTRIES_AT + index * ENTRY_SIZE;
    return {
      status: start.readUInt8(at),
      type: start.readUInt8(at + 4),
      start: start.readUInt32LE(at + 8),
      length: start.readUInt32LE(at + 12),
    };
  });

const has = (start: Buffer, at: number, text: string): boolean =>
  start.toString("latin1", at, at + text.length) === text;

/** Windows and mkfs.fat put FAT's name in one of two places; a volume made by another tool may have none. */
const fatFamily = (start: Buffer): string | undefined =>
  has(start, 3, "EXFAT   ")
    ? "exFAT"
    : has(start, 54, "FAT") || has(start, 82, "FAT32   ")
      ? "FAT"
      : undefined;

const extNameIn = (start: Buffer): string | undefined => {
  const sb = extSuperblock(start);
  return sb === undefined ? undefined : extName(sb);
};

const volumeName = (start: Buffer): string | undefined =>
  fatFamily(start) ?? nameBySignature(start, VOLUMES) ?? extNameIn(start);

/** The checksum of a tar header is the sum of its bytes, with blanks in its own place; archives before POSIX have no magic. */
const isTar = (start: Buffer): boolean => {
  const header = start.subarray(0, SECTOR);
  const stored = header.toString("latin1", 148, 156);
  if (header.length < SECTOR || !/^ *[0-7]{1,7}[ \0]/.test(stored)) {
    return false;
  }
  const sum = header.reduce(
    (total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte),
    0,
  );
  return header[0] !== 0 && Number.parseInt(stored, 8) === sum;
};

const archiveName = (start: Buffer): string | undefined =>
  nameBySignature(start, ARCHIVES) ??
  (isTar(start) ? "a tar archive" : undefined);

/**
 * Whether the image begins with a partition table. The signature alone does not tell: a bare file system's boot sector ends
 * with it too. Some of those have code where the table would be, some a table whose one partition is the volume itself
 * (mkfs.fat --mbr).
 * An ISO that is a disk as well (isohybrid) may list a partition that holds the table itself, or one of type 0.
 * @param start at least one sector; what follows it only helps to name the contents
 */
export const isDiskImage = (start: Buffer): boolean => {
  if (start.length < SECTOR || start.readUInt16LE(SECTOR - 2) !== 0xaa55) {
    return false;
  }
  const entries = entriesOf(start);
  if (entries.some(({ status }) => status !== 0 && status !== 0x80)) {
    return false;
  }
  if (has(start, 32_769, "CD001")) {
    return entries.some(({ length }) => length > 0);
  }
  return entries.some(
    ({ type, start: first, length }) => type !== 0 && first > 0 && length > 0,
  );
};

/** Beginnings of text, after a byte order mark and blanks, in lower case. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/^<!doctype html|^<html|^<head/, "a web page"],
  [/^(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*<bmap/, "a block map (.bmap)"],
  [/^<\?xml/, "an XML file"],
  [/^version https:\/\/git-lfs/, "a pointer of Git LFS instead of the file"],
  [/^-----begin pgp/, "an OpenPGP signature or key"],
  [/^#!/, "a script"],
  [/^[0-9a-f]{32,128} [ *]/, "a list of checksums"],
];

const textName = (start: Buffer): string | undefined => {
  const text = start
    .subarray(0, 4096)
    .toString("utf8")
    .replace(/^\ufeff?\s*/, "");
  const named = TEXTS.find(([pattern]) => pattern.test(text.toLowerCase()));
  if (named !== undefined) {
    return named[1];
  }
  // The last character may be cut in two, which says nothing about the rest.
  const plain = text.replace(/\ufffd$/, "");
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return plain !== "" && !/[\0-\x08\x0e-\x1a\x1c-\x1f\ufffd]/.test(plain)
    ? "a text"
    : undefined;
};

/** Names that take "an", by their sound: the F of F2FS is spelled out and that of FAT is not; UDF begins like "you". */
const AN = /^(?:e|A|E|H|I|N|X|F2)/;

const withArticle = (volume: string): string =>
  /^an? |^swap space/.test(volume)
    ? volume
    : `${AN.test(volume) ? "an" : "a"} ${volume} file system`;

const UNPACK =
  "unpack it, and give the disk image that is in it, compressed or not";
const WHOLE_DISK =
  "give the image of a whole disk, with its partition table; this is what one partition of it holds";
const OTHER = "download the image of a whole disk";

/**
 * What these bytes are, when they are no disk image; undefined where nothing is recognised.
 * @param start the first LOOKED_AT bytes, or all where there are fewer
 * @param end the last TRAILER_SIZE bytes, where they are known
 */
export const nameContents = (
  start: Buffer,
  end?: Buffer,
): Contents | undefined => {
  const wrapped =
    nameBySignature(start, WRAPPED_DISKS) ??
    (end === undefined
      ? undefined
      : TRAILERS.find(({ bytes }) => has(end, 0, bytes))?.name);
  if (wrapped !== undefined) {
    return {
      name: wrapped,
      hint: wrapped.includes("macOS")
        ? "convert it to a raw image first: hdiutil convert -format UDTO"
        : "convert it to a raw image first: qemu-img convert -O raw",
    };
  }
  const other = nameBySignature(start, OTHER_FILES);
  if (other !== undefined) {
    return {
      name: other,
      hint:
        other === ANDROID_SPARSE
          ? "convert it to a raw image first: simg2img"
          : OTHER,
    };
  }
  const archive = archiveName(start);
  if (archive !== undefined) {
    return { name: archive, hint: UNPACK };
  }
  const text = textName(start);
  if (text !== undefined) {
    return { name: text, hint: OTHER };
  }
  const volume = volumeName(start);
  if (volume !== undefined) {
    return {
      name: `${withArticle(volume)} without a partition table`,
      hint:
        volume === "ISO 9660" || volume === "UDF"
          ? "it is for a disc or a virtual machine; give an image for cards and disks"
          : WHOLE_DISK,
    };
  }
  if (has(start, SECTOR, "EFI PART") || has(start, 4096, "EFI PART")) {
    return {
      name: "a disk whose GPT has lost its protective MBR",
      hint: "download or copy the image again, and compare its checksum",
    };
  }
  if (start.length < SECTOR) {
    return {
      name: `a fragment of ${start.length} bytes (a partition table alone takes ${SECTOR})`,
      hint: "download or copy the image again, and compare its size with the published one",
    };
  }
  return start.every((byte) => byte === 0)
    ? { name: "blank space (its beginning is all zeros)", hint: OTHER }
    : undefined;
};

/** Names a wrapping whose only mark is at its end: a fixed VHD begins with the bytes of the disk that it holds. */
export const nameTrailer = (end: Buffer): Contents | undefined =>
  TRAILERS.some(({ bytes }) => has(end, 0, bytes))
    ? nameContents(Buffer.alloc(0), end)
    : undefined;
