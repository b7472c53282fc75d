// Holds pieces of a source in memory, so that code that cannot wait can read them.
import type { Source } from "./source.ts";

/** Small beside a decoded xz block (1 MiB in Ubuntu's images), large beside a cluster. */
const PIECE = 64 * 1024;

export type PieceCache = {
  readonly source: Source;
  /** The bytes, or undefined when they are not all held. The result must not be changed. */
  readonly peek: (offset: number, length: number) => Uint8Array | undefined;
  /** Bytes that are held. */
  readonly held: () => number;
  /** Reads what is not held yet. */
  readonly load: (offset: number, length: number) => Promise<void>;
  /** Loads and peeks. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
};

export const pieceCache = (source: Source): PieceCache => {
  const pieces = new Map<number, Uint8Array>();
  const span = (offset: number, length: number) => ({
    first: Math.floor(offset / PIECE),
    last: Math.floor((offset + length - 1) / PIECE),
  });

  const peek = (offset: number, length: number): Uint8Array | undefined => {
    const { first, last } = span(offset, length);
    if (first === last) {
      const piece = pieces.get(first);
      const from = offset - first * PIECE;
      return piece?.subarray(from, from + length);
    }
    const bytes = new Uint8Array(length);
    for (let index = first; index <= last; index += 1) {
      const piece = pieces.get(index);
      if (piece === undefined) {
        return undefined;
      }
      const from = Math.max(offset - index * PIECE, 0);
      const to = Math.min(offset + length - index * PIECE, PIECE);
      bytes.set(piece.subarray(from, to), index * PIECE + from - offset);
    }
    return bytes;
  };

  const load = async (offset: number, length: number): Promise<void> => {
    if (offset < 0 || length < 0 || offset + length > source.size) {
      throw new RangeError(
        `the image has ${source.size} bytes, asked for ${offset} to ${offset + length}`,
      );
    }
    const { first, last } = span(offset, length);
    let index = first;
    while (index <= last) {
      if (pieces.has(index)) {
        index += 1;
        continue;
      }
      let end = index + 1;
      while (end <= last && !pieces.has(end)) {
        end += 1;
      }
      const start = index * PIECE;
      const bytes = await source.read(
        start,
        Math.min(end * PIECE, source.size) - start,
      );
      for (; index < end; index += 1) {
        pieces.set(
          index,
          bytes.subarray(index * PIECE - start, (index + 1) * PIECE - start),
        );
      }
    }
  };

  return {
    source,
    peek,
    held: () => pieces.size * PIECE,
    load,
    read: async (offset, length) => {
      await load(offset, length);
      const bytes = peek(offset, length);
      if (bytes === undefined) {
        throw new Error("a piece vanished from the cache");
      }
      return bytes;
    },
  };
};
