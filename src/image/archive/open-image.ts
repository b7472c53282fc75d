// Opens an image in any format that pi-image reads; the first bytes decide which, not the name.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorCode } from "../../report/expected-failure.ts";
import { bytesAt } from "../../system/exact-io.ts";
import { UserError } from "../../report/user-error.ts";
import { errnoWords } from "../../system/errno-words.ts";
import { imageDamaged } from "./damage.ts";
import { openBzip2 } from "./bzip2.ts";
import { openGzip } from "./gzip.ts";
import { openRaw } from "./raw.ts";
import { openZstd } from "./zstd.ts";
import { demandDisk, notAnImage } from "./demand-disk.ts";
import {
  isDiskImage,
  LOOKED_AT,
  nameContents,
  TRAILER_SIZE,
} from "../name-contents.ts";
import { padImage } from "./pad-image.ts";
import type { ImageFormat, ImageReader } from "../reader.ts";
import { hasHeaderMagic } from "./xz/xz-format.ts";
import { openXz } from "./xz/xz-reader.ts";

const openers: Readonly<
  Record<ImageFormat, (path: string) => Promise<ImageReader>>
> = {
  raw: openRaw,
  xz: openXz,
  gzip: openGzip,
  bzip2: openBzip2,
  zstd: openZstd,
  // Loaded only when needed: its library is large, and few images are packed this way.
  zip: async (path) => (await import("./zip.ts")).openZip(path),
};

const magics: readonly (readonly [ImageFormat, Buffer])[] = [
  ["gzip", Buffer.from([0x1f, 0x8b])],
  ["bzip2", Buffer.from("BZh", "latin1")],
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["zip", Buffer.from("PK\u0003\u0004", "latin1")],
  // A .zip without any entry.
  ["zip", Buffer.from("PK\u0005\u0006", "latin1")],
];

const extensions: Readonly<Record<string, ImageFormat>> = {
  ".xz": "xz",
  ".gz": "gzip",
  ".bz2": "bzip2",
  ".zst": "zstd",
  ".zip": "zip",
};

/** A skippable frame may come before the first one (RFC 8878, 3.1.2). */
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
  return isDiskImage(start) ? "raw" : undefined;
};

/** A packed file that begins as none, or as a web page, went wrong on its way here; anything else is simply not an image. */
const notAsNamed = (path: string, start: Buffer, end: Buffer): UserError => {
  const contents = nameContents(start, end);
  const promised = Object.keys(extensions).find((end) =>
    path.toLowerCase().endsWith(end),
  );
  return promised !== undefined &&
    (contents === undefined || contents.name === "a web page")
    ? imageDamaged(
        path,
        `it does not begin as a ${promised} file, although its name says so`,
        contents === undefined ? [] : [`it begins as ${contents.name}`],
      )
    : notAnImage(path, "is", contents);
};

const whyNotRead = (code: unknown): string | undefined => {
  const words = errnoWords(code);
  return words === undefined ? undefined : `cannot be read: ${words.why}`;
};

const unreadable = (path: string, error: unknown): unknown => {
  const code = errorCode(error);
  const why =
    code === "ENOENT" || code === "ENOTDIR"
      ? "does not exist"
      : code === "EACCES" || code === "EPERM"
        ? "may not be read by this user"
        : whyNotRead(code);
  return why === undefined
    ? error
    : new UserError("IMAGE_UNREADABLE", `${path} ${why}`, {
        state: "nothing was written",
        hint: "check the name and its permissions",
        cause: error,
      });
};

/** The first bytes and the last; throws for an empty file, and for anything but a regular file. */
const readEdges = async (
  path: string,
  file: FileHandle,
): Promise<{ readonly start: Buffer; readonly end: Buffer }> => {
  const stat = await file.stat();
  if (!stat.isFile()) {
    throw new UserError(
      "IMAGE_NOT_AN_IMAGE",
      `${path} is ${stat.isDirectory() ? "a folder" : "a device, a pipe or a socket"}, not the file of a disk image`,
      { state: "nothing was written", hint: "give the file of a disk image" },
    );
  }
  if (stat.size === 0) {
    throw imageDamaged(path, "it is empty");
  }
  const end = Math.max(stat.size - TRAILER_SIZE, 0);
  return {
    start: await bytesAt(file, 0, LOOKED_AT),
    end: await bytesAt(file, end, TRAILER_SIZE),
  };
};

/**
 * Opens `path` for reading; close the reader when done. What the file says about itself, and that it holds a disk, is
 * checked here; the rest is checked while it is decoded. Throws IMAGE_DAMAGED, IMAGE_REFUSED, IMAGE_NOT_AN_IMAGE,
 * IMAGE_UNREADABLE or TOOL_MISSING.
 */
export const openImage = async (path: string): Promise<ImageReader> => {
  let format: ImageFormat | undefined;
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for somebody to write into it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { start, end } = await readEdges(path, file);
      format = formatOf(start);
      if (format === undefined) {
        throw notAsNamed(path, start, end);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  const reader = await openers[format](path);
  try {
    await demandDisk(reader);
    return padImage(reader);
  } catch (error) {
    await reader.close();
    throw error;
  }
};
