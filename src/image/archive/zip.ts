// A .zip file that holds one image, as an image.
import { createReadStream, type ReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import { crc32 } from "node:zlib";
import unzipper, { type CentralDirectory, type File } from "unzipper";
import { checkImageSize, decodeAhead, gatherChunks } from "./chunks.ts";
import {
  imageDamaged,
  imageRefused,
  MAX_IMAGE_SIZE,
  imageTooLarge,
} from "./damage.ts";
import { closeStream } from "./stream.ts";
import { readZipEnd, type ZipEnd } from "./zip-end.ts";
import { UserError } from "../../report/user-error.ts";
import type { ImageReader } from "../reader.ts";

const READ_SIZE = 1024 * 1024;
const LOCAL_HEADER_SIZE = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
/** Name and extra field of an entry's own header, which may be longer than those in the directory. */
const HEADER_ROOM = 2 * 0xffff;

const NAMES_SHOWN = 8;

const STORED = 0;
const DEFLATED = 8;

/** Windows programs write backslashes between folders, which the format forbids (APPNOTE 4.4.17.1). */
const slashed = (name: string): string => name.replaceAll("\\", "/");

const isTrick = (name: string): boolean =>
  slashed(name).startsWith("/") ||
  /\0|^[A-Za-z]:/.test(name) ||
  slashed(name).split("/").includes("..");

/** What macOS and Windows put beside every file. */
const isLitter = (name: string): boolean =>
  /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i.test(
    slashed(name),
  );

const isImageName = (name: string): boolean =>
  /\.(?:img|wic|raw|iso|sdcard|sdimg|rpi-sdimg|hddimg|direct)$/i.test(name);

/** What publishers put beside an image, and what must be unpacked once more. */
const isNoImageName = (name: string): boolean =>
  /\.(?:7z|asc|bmap|bz2|gz|html?|json|md|md5|pdf|rar|rtf|sha\d+|sig|tar|tgz|txt|xml|xz|ya?ml|zip|zst)$/i.test(
    name,
  ) ||
  /(?:^|\/)(?:license|licence|readme|copying|notice|changelog|\w+sums)$/i.test(
    slashed(name),
  );

const notChosen = (path: string, files: readonly File[]): UserError =>
  new UserError(
    "IMAGE_NOT_CHOSEN",
    `${path} holds ${files.length} files that could be the image`,
    {
      facts: [
        ...files
          .slice(0, NAMES_SHOWN)
          .map((file) => JSON.stringify(slashed(file.path))),
        ...(files.length > NAMES_SHOWN
          ? [`and ${files.length - NAMES_SHOWN} more`]
          : []),
      ],
      state: "nothing was written",
      hint: "unpack it, and give the image itself",
    },
  );

/** The one entry that is the image: by its name, else the only file that could be one. */
const chooseEntry = (path: string, files: readonly File[]): File => {
  const trick = files.find((file) => isTrick(file.path));
  if (trick !== undefined) {
    throw imageRefused(
      path,
      `its entry ${JSON.stringify(trick.path)} has a path that leaves its folder`,
      "do not trust this file; download the image from its vendor",
    );
  }
  const candidates = files.filter(
    (file) =>
      file.type === "File" &&
      !slashed(file.path).endsWith("/") &&
      !isLitter(file.path),
  );
  const images = candidates.filter((file) => isImageName(file.path));
  const others = candidates.filter((file) => !isNoImageName(file.path));
  const chosen = images.length === 0 ? others : images;
  const [entry] = chosen;
  if (chosen.length > 1) {
    throw notChosen(path, chosen);
  }
  if (entry === undefined) {
    const names = candidates
      .slice(0, NAMES_SHOWN)
      .map((file) => JSON.stringify(slashed(file.path)));
    throw new UserError(
      "IMAGE_NOT_AN_IMAGE",
      names.length === 0
        ? `${path} holds no file`
        : `${path} holds ${names.join(", ")}, which ${names.length === 1 ? "is not the file of a disk image" : "are not files of disk images"}`,
      {
        state: "nothing was written",
        hint: "unpack it, and give an image itself, compressed or not",
      },
    );
  }
  return entry;
};

const checkEntry = (path: string, entry: File): void => {
  // Bit 0: encrypted; bit 6: strong encryption (APPNOTE 4.4.4).
  if ((entry.flags & 0x41) !== 0) {
    throw imageRefused(
      path,
      `its entry ${entry.path} is encrypted`,
      "unpack it with the password, and give the image itself",
    );
  }
  if (
    entry.compressionMethod !== STORED &&
    entry.compressionMethod !== DEFLATED
  ) {
    throw imageRefused(
      path,
      `its entry ${entry.path} is packed by method ${entry.compressionMethod}, which is neither "stored" nor "deflated"`,
      "unpack it, and give the image itself",
    );
  }
  if (entry.uncompressedSize > MAX_IMAGE_SIZE) {
    throw imageTooLarge(path);
  }
  checkImageSize(path, entry.uncompressedSize);
};

/** The entry's own header must be where the directory says, and its data must end before the directory. */
const checkPlace = async (
  path: string,
  entry: File,
  end: ZipEnd,
): Promise<void> => {
  const file = await open(path, "r");
  try {
    const header = Buffer.alloc(LOCAL_HEADER_SIZE);
    const place = entry.offsetToLocalFileHeader;
    await file.read(header, 0, LOCAL_HEADER_SIZE, place);
    const data =
      place +
      LOCAL_HEADER_SIZE +
      header.readUInt16LE(26) +
      header.readUInt16LE(28);
    if (
      header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE ||
      data + entry.compressedSize > end.directory
    ) {
      throw imageDamaged(
        path,
        `its .zip directory leads to byte ${place}, where ${entry.path} does not begin`,
      );
    }
  } finally {
    await file.close();
  }
};

/** Files that unzipper reads from, kept so that they can be closed early and their errors reported. */
type Opened = { readonly files: Set<ReadStream>; failure: unknown };

const closeAll = async (opened: Opened): Promise<void> => {
  await Promise.all([...opened.files].map(closeStream));
};

/** The package's types leave the options out. */
const openCustom: (
  source: Parameters<typeof unzipper.Open.custom>[0],
  options: { readonly tailSize: number; readonly padding: number },
) => Promise<CentralDirectory> = unzipper.Open.custom;

/**
 * What `unzipper.Open.file` does, but with streams of our own: with its streams a read error would end the process,
 * and a reader that stops early would leave the file open. (`unzipper.Parse` never settles on a file that is cut.)
 */
const openDirectory = async (
  path: string,
  end: ZipEnd,
  opened: Opened,
): Promise<CentralDirectory> =>
  openCustom(
    {
      size: async () => (await stat(path)).size,
      stream: (start: number, length?: number) => {
        const file = createReadStream(path, {
          start,
          ...(length === undefined ? {} : { end: start + length }),
          highWaterMark: READ_SIZE,
        });
        const output = new PassThrough({ highWaterMark: READ_SIZE });
        opened.files.add(file);
        file.on("close", () => opened.files.delete(file));
        file.on("error", (error) => {
          opened.failure = error;
          // The parser that reads from `output` then finds that bytes are missing.
          output.end();
        });
        return file.pipe(output);
      },
    },
    { tailSize: end.tail, padding: HEADER_ROOM },
  );

async function* entryPieces(
  path: string,
  entry: File,
  opened: Opened,
): AsyncGenerator<Uint8Array> {
  const failed = (what: string, cause?: unknown) =>
    imageDamaged(
      path,
      `its entry ${entry.path} ${what}`,
      cause instanceof Error ? [cause.message] : [],
      cause,
    );
  const stream: Readable = entry.stream();
  let crc = 0;
  let size = 0;
  try {
    for await (const piece of stream) {
      const bytes = piece as Buffer;
      crc = crc32(bytes, crc);
      size += bytes.length;
      yield bytes;
    }
  } catch (error) {
    throw (
      opened.failure ??
      failed(`cannot be unpacked beyond byte ${size} of the image`, error)
    );
  } finally {
    await closeAll(opened);
  }
  // unzipper compares neither: a flipped bit would pass.
  if (size !== entry.uncompressedSize || crc !== entry.crc32) {
    throw failed("does not match its checksum");
  }
}

/** Opens a .zip file with one .img in it, or with one file only; `source` is missing because deflate cannot be entered midway. */
export const openZip = async (path: string): Promise<ImageReader> => {
  const file = await open(path, "r");
  const end = await readZipEnd(path, file).finally(() => file.close());
  const opened: Opened = { files: new Set(), failure: undefined };
  const directory = await openDirectory(path, end, opened).catch(
    (error: unknown) => {
      throw (
        opened.failure ??
        imageDamaged(path, "its .zip directory cannot be read", [], error)
      );
    },
  );
  await closeAll(opened);
  const entry = chooseEntry(path, directory.files);
  checkEntry(path, entry);
  await checkPlace(path, entry, end);
  return {
    path,
    format: "zip",
    size: entry.uncompressedSize,
    source: undefined,
    chunks: () =>
      decodeAhead(
        gatherChunks(
          path,
          entryPieces(path, entry, opened),
          entry.uncompressedSize,
        ),
      ),
    remarks: () =>
      end.behind === undefined
        ? []
        : [
            `bytes that are not .zip data follow the image at byte ${end.behind} of the file; they are left out`,
          ],
    close: () => closeAll(opened),
  };
};
