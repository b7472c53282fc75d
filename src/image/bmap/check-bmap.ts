// Checks an image's bytes, as they pass through, against the block map that its makers publish.
import { createHash } from "node:crypto";
import { rangeEnd } from "../range.ts";
import { bmapWrong, type Bmap } from "./read-bmap.ts";

export type BmapCheck = {
  /** The image's bytes from `offset` on, in ascending order. Throws BMAP_WRONG at the first range that differs. */
  readonly add: (offset: number, data: Uint8Array) => void;
  /** Throws BMAP_WRONG when bytes are missing. */
  readonly finish: () => void;
};

/** The image's size in whole sectors: an image that ends within a sector is read with the rest of that sector. */
export const sectorsOf = ({ imageSize }: Bmap): number =>
  Math.ceil(imageSize / 512) * 512;

/**
 * Starts a check of an image of `imageSize` bytes. Bytes outside the map may be left out.
 * A map without checksums is checked for its size alone.
 */
export const bmapCheck = (bmap: Bmap, imageSize: number): BmapCheck => {
  if (imageSize !== bmap.imageSize && imageSize !== sectorsOf(bmap)) {
    throw bmapWrong("the block map belongs to another image", [
      `the map is of an image of ${bmap.imageSize} bytes`,
      `this image has ${imageSize} bytes`,
    ]);
  }
  const algorithm = bmap.algorithm ?? "sha256";
  const ranges = bmap.ranges.filter((range) => range.digest !== undefined);
  let index = 0;
  let position = ranges[0]?.offset ?? 0;
  let hash = createHash(algorithm);
  return {
    add: (offset, data) => {
      const end = offset + data.length;
      for (;;) {
        const range = ranges[index];
        if (range === undefined || end <= position) {
          return;
        }
        if (offset > position) {
          throw new Error(`bytes ${position} to ${offset} were left out`);
        }
        const to = Math.min(end, rangeEnd(range));
        hash.update(data.subarray(position - offset, to - offset));
        position = to;
        if (to < rangeEnd(range)) {
          return;
        }
        if (hash.digest("hex") !== range.digest) {
          throw bmapWrong("the image does not match its block map", [
            `${range.length} bytes from byte ${range.offset} on have another checksum`,
          ]);
        }
        index += 1;
        position = ranges[index]?.offset ?? position;
        hash = createHash(algorithm);
      }
    },
    finish: () => {
      const missing = ranges[index];
      if (missing !== undefined) {
        throw bmapWrong("the image ends before its block map", [
          `bytes from ${position} to ${rangeEnd(missing)} are missing`,
        ]);
      }
    },
  };
};
