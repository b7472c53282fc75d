// Finds the block map file that a publisher, or `pi-image build`, puts beside an image.
import { readBeside } from "../../system/read-if-there.ts";
import { bmapWrong, type Bmap, readBmap } from "./read-bmap.ts";
import { errnoReason } from "../../system/errno-words.ts";

/** Block maps of images with tens of thousands of ranges take a few megabytes. */
const MOST_BYTES = 16 * 1024 * 1024;

/** image.img.xz has its map in image.img.xz.bmap, image.img.bmap or image.bmap. */
const candidates = (image: string): readonly string[] => {
  const raw = image.replace(/\.(?:xz|gz|bz2|zst|zip)$/i, "");
  const stem = raw.replace(/\.(?:img|raw|wic)$/i, "");
  return [...new Set([image, raw, stem])].map((name) => `${name}.bmap`);
};

const readMap = (path: string): Promise<Buffer | undefined> =>
  readBeside(path, MOST_BYTES, {
    tooLarge: () => bmapWrong(`${path} is too large to be a block map`),
    unreadable: (code) =>
      bmapWrong(`${path} cannot be read: ${errnoReason(code)}`),
  });

/** The first map found beside the image. Throws BMAP_WRONG for one that cannot be read or contradicts itself. */
export const findBmap = async (image: string): Promise<Bmap | undefined> => {
  for (const path of candidates(image)) {
    const bytes = await readMap(path);
    if (bytes !== undefined) {
      return readBmap(bytes);
    }
  }
  return undefined;
};
