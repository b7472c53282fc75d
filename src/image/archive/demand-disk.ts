// Refuses what is not an image of a whole disk, whatever it is packed in, and says what it is instead.
import { UserError } from "../../report/user-error.ts";
import {
  type Contents,
  isDiskImage,
  LOOKED_AT,
  nameContents,
  nameTrailer,
  TRAILER_SIZE,
} from "../name-contents.ts";
import type { ImageReader } from "../reader.ts";

const FORMATS =
  "give the image of a whole disk: a raw .img, or one in .xz, .gz, .bz2, .zst or .zip";

/** @param verb how the file has it: it "is" something, or, packed, it "holds" something */
export const notAnImage = (
  path: string,
  verb: "is" | "holds",
  contents: Contents | undefined,
): UserError => {
  const what =
    contents === undefined
      ? verb === "is"
        ? "is not a disk image: it has no partition table and is in no known format"
        : "holds something other than a disk image: it has no partition table and is in no known format"
      : verb === "is"
        ? `is not a disk image but ${contents.name}`
        : `holds ${contents.name}, not a disk image`;
  return new UserError("IMAGE_NOT_AN_IMAGE", `${path} ${what}`, {
    state: "nothing was written",
    hint: contents?.hint ?? FORMATS,
  });
};

const startOf = async (reader: ImageReader): Promise<Buffer> => {
  const { source } = reader;
  if (source !== undefined) {
    return source.read(0, Math.min(source.size, LOOKED_AT));
  }
  for await (const { data } of reader.chunks([
    { offset: 0, length: LOOKED_AT },
  ])) {
    return Buffer.from(data.subarray(0, LOOKED_AT));
  }
  return Buffer.alloc(0);
};

const endOf = async ({ source }: ImageReader): Promise<Buffer | undefined> =>
  source === undefined || source.size < TRAILER_SIZE
    ? undefined
    : source.read(source.size - TRAILER_SIZE, TRAILER_SIZE);

/**
 * Looks at the first decoded bytes, and at the last where they can be reached at once.
 * Throws IMAGE_NOT_AN_IMAGE, and IMAGE_DAMAGED where they cannot be decoded.
 */
export const demandDisk = async (reader: ImageReader): Promise<void> => {
  const start = await startOf(reader);
  const end = await endOf(reader);
  const wrapped = end === undefined ? undefined : nameTrailer(end);
  if (wrapped !== undefined || !isDiskImage(start)) {
    throw notAnImage(
      reader.path,
      reader.format === "raw" ? "is" : "holds",
      wrapped ?? nameContents(start, end),
    );
  }
};
