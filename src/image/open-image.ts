// Opens an image in any format that pi-image reads; the first bytes decide which, not the name.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../report/user-error.ts";
import { errnoWords } from "../system/errno-words.ts";
import { imageDamaged } from "./archive-damage.ts";
import { openGzip } from "./archive-gzip.ts";
import { openRaw } from "./archive-raw.ts";
import { openZstd } from "./archive-zstd.ts";
import type { ImageFormat, ImageReader } from "./reader.ts";
import { hasHeaderMagic } from "./xz-format.ts";
import { openXz } from "./xz-reader.ts";

const FORMATS = "a raw .img, or one in .xz, .gz, .zst or .zip";

/** An MBR ends its sector with these bytes; a GPT disk has them too. */
const BOOT_SIGNATURE = Buffer.from([0x55, 0xaa]);
const SECTOR = 512;

const openers: Readonly<
  Record<ImageFormat, (path: string) => Promise<ImageReader>>
> = {
  raw: openRaw,
  xz: openXz,
  gzip: openGzip,
  zstd: openZstd,
  // Its library is large, and few images are packed so.
  zip: async (path) => (await import("./archive-zip.ts")).openZip(path),
};

const magics: readonly (readonly [ImageFormat, Buffer])[] = [
  ["gzip", Buffer.from([0x1f, 0x8b])],
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["zip", Buffer.from("PK\u0003\u0004", "latin1")],
  // A .zip without any entry.
  ["zip", Buffer.from("PK\u0005\u0006", "latin1")],
];

/** Files that people mistake for an image, by their first bytes. */
const others: readonly (readonly [string, Buffer])[] = [
  ["a .bz2 file", Buffer.from("BZh", "latin1")],
  ["a .7z file", Buffer.from("7z\u00bc\u00af\u0027\u001c", "latin1")],
  ["a .rar file", Buffer.from("Rar!", "latin1")],
  ["a qcow2 disk", Buffer.from("QFI\u00fb", "latin1")],
  ["a web page", Buffer.from("<!DOCTYPE", "latin1")],
  ["a web page", Buffer.from("<html", "latin1")],
];

const extensions: Readonly<Record<string, ImageFormat>> = {
  ".xz": "xz",
  ".gz": "gzip",
  ".zst": "zstd",
  ".zip": "zip",
};

/** A skippable frame may stand in front of the first one (RFC 8878, 3.1.2). */
const isSkippableFrame = (start: Buffer): boolean =>
  start.length >= 4 && (start.readUInt32LE(0) & 0xfffffff0) === 0x184d2a50;

const formatOf = (start: Buffer): ImageFormat | undefined => {
  if (hasHeaderMagic(start)) {
    return "xz";
  }
  const known = magics.find(([, magic]) =>
    magic.equals(start.subarray(0, magic.length)),
  );
  if (known !== undefined || isSkippableFrame(start)) {
    return known?.[0] ?? "zstd";
  }
  return start.subarray(SECTOR - 2).equals(BOOT_SIGNATURE) ? "raw" : undefined;
};

const notAnImage = (path: string, start: Buffer): UserError => {
  const other = others.find(([, magic]) =>
    magic.equals(start.subarray(0, magic.length)),
  );
  const promised = Object.keys(extensions).find((end) =>
    path.toLowerCase().endsWith(end),
  );
  if (promised !== undefined) {
    return imageDamaged(
      path,
      `it does not begin as a ${promised} file, although its name says so`,
      other === undefined ? [] : [`it begins as ${other[0]}`],
    );
  }
  return new UserError(
    "IMAGE_NOT_AN_IMAGE",
    other === undefined
      ? `${path} is not a disk image: it has no partition table and is in no known format`
      : `${path} is not a disk image but ${other[0]}`,
    { state: "nothing was written", hint: `give ${FORMATS}` },
  );
};

const whyUnreadable = (code: unknown): string | undefined => {
  const words = errnoWords(code);
  return words === undefined ? undefined : `cannot be read: ${words.why}`;
};

const unreadable = (path: string, error: unknown): unknown => {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const why =
    code === "ENOENT" || code === "ENOTDIR"
      ? "does not exist"
      : code === "EACCES" || code === "EPERM"
        ? "may not be read by this user"
        : whyUnreadable(code);
  return why === undefined
    ? error
    : new UserError("IMAGE_UNREADABLE", `${path} ${why}`, {
        state: "nothing was written",
        hint: "check the name and its permissions",
        cause: error,
      });
};

/** The first sector; throws for what is no regular file or empty. */
const readStart = async (path: string, file: FileHandle): Promise<Buffer> => {
  const stat = await file.stat();
  if (!stat.isFile()) {
    throw new UserError(
      "IMAGE_NOT_AN_IMAGE",
      `${path} is ${stat.isDirectory() ? "a folder" : "a device, a pipe or a socket"}, not the file of a disk image`,
      { state: "nothing was written", hint: `give ${FORMATS}` },
    );
  }
  if (stat.size === 0) {
    throw imageDamaged(path, "it is empty");
  }
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(SECTOR),
    0,
    SECTOR,
    0,
  );
  return buffer.subarray(0, bytesRead);
};

/**
 * Opens `path` for reading; close the reader when done. What the file tells about itself is checked here, the rest while
 * it is decoded. Throws IMAGE_DAMAGED, IMAGE_REFUSED, IMAGE_NOT_AN_IMAGE, IMAGE_UNREADABLE or TOOL_MISSING.
 */
export const openImage = async (path: string): Promise<ImageReader> => {
  let format: ImageFormat | undefined;
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for somebody to write into it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const start = await readStart(path, file);
      format = formatOf(start);
      if (format === undefined) {
        throw notAnImage(path, start);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  return openers[format](path);
};
