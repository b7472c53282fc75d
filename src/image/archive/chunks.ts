// Turns the pieces that a decoder gives into chunks, checks their sum, and decodes ahead of the receiver.
import { awaitedLater } from "../../report/awaited-later.ts";
import { imageDamaged, MAX_IMAGE_SIZE, imageTooLarge } from "./damage.ts";
import type { Chunk } from "../reader.ts";

/** Large enough that a write to a card is efficient, small enough to hold several in memory. */
export const CHUNK_SIZE = 4 * 1024 * 1024;

/** Throws unless this many decoded bytes can be a whole image. */
export const checkImageSize = (
  path: string,
  size: number,
  expected?: number,
): void => {
  if (expected !== undefined && size !== expected) {
    throw imageDamaged(
      path,
      `it unpacks to ${size} bytes, but claims to hold ${expected}`,
    );
  }
  if (size === 0) {
    throw imageDamaged(path, "it is empty");
  }
};

/**
 * Gathers small pieces into chunks of CHUNK_SIZE and checks their sum at the end.
 * Two buffers take turns, so a chunk stays as it is while the next one is filled (see `decodeAhead`).
 */
export async function* gatherChunks(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  expected: number | undefined,
): AsyncGenerator<Chunk> {
  const buffers = [
    Buffer.allocUnsafe(CHUNK_SIZE),
    Buffer.allocUnsafe(CHUNK_SIZE),
  ] as const;
  let turn: 0 | 1 = 0;
  let offset = 0;
  let filled = 0;
  for await (const piece of pieces) {
    if (offset + filled + piece.length > (expected ?? MAX_IMAGE_SIZE)) {
      throw expected === undefined
        ? imageTooLarge(path)
        : imageDamaged(path, `it unpacks to more than ${expected} bytes`);
    }
    let taken = 0;
    while (taken < piece.length) {
      const part = piece.subarray(taken, taken + CHUNK_SIZE - filled);
      buffers[turn].set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === CHUNK_SIZE) {
        yield { offset, data: buffers[turn] };
        offset += filled;
        filled = 0;
        turn = turn === 0 ? 1 : 0;
      }
    }
  }
  checkImageSize(path, offset + filled, expected);
  if (filled > 0) {
    yield { offset, data: buffers[turn].subarray(0, filled) };
  }
}

/** Asks for the next chunk while the receiver still works on the last one. */
export async function* decodeAhead(
  chunks: AsyncGenerator<Chunk>,
): AsyncGenerator<Chunk> {
  let next = chunks.next();
  try {
    for (;;) {
      const result = await next;
      if (result.done === true) {
        return;
      }
      next = chunks.next();
      // Its error belongs to the `await` above, which may come much later or never.
      awaitedLater(next);
      yield result.value;
    }
  } finally {
    await chunks.return(undefined);
  }
}
