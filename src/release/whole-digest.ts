// The SHA-256 of a whole raw image, from chunks that leave out what is zero.
import { createHash } from "node:crypto";

type WholeDigest = {
  /** The next bytes; offsets ascend, and gaps are zeros. */
  readonly update: (offset: number, data: Uint8Array) => void;
  /** In hex; call it once, after the last byte. */
  readonly digest: () => string;
};

const ZEROS = Buffer.alloc(1024 * 1024);

export const createWholeDigest = (size: number): WholeDigest => {
  const hash = createHash("sha256");
  let done = 0;
  const fill = (end: number): void => {
    while (done < end) {
      const length = Math.min(ZEROS.length, end - done);
      hash.update(ZEROS.subarray(0, length));
      done += length;
    }
  };
  return {
    update: (offset, data) => {
      fill(offset);
      hash.update(data);
      done += data.length;
    },
    digest: () => {
      fill(size);
      return hash.digest("hex");
    },
  };
};
