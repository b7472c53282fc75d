// Blocks that say where they were written, so that one that turns up elsewhere shows how a card wraps around.

/** Bytes of a marker; a multiple of every block size. */
export const SIZE_MARKER_BYTES = 4096;

const WORD = 16;

/** Fills one block: its own offset and the run's nonce, over and over. */
export const fillMarker = (
  into: Buffer,
  offset: number,
  nonce: bigint,
): void => {
  into.writeBigUInt64LE(BigInt(offset), 0);
  into.writeBigUInt64LE(nonce, 8);
  for (let filled = WORD; filled < SIZE_MARKER_BYTES; filled *= 2) {
    into.copy(into, filled, 0, filled);
  }
};

/** The offset that a whole marker of this run was written to; undefined for anything else. */
export const markerIn = (block: Buffer, nonce: bigint): number | undefined => {
  const offset = block.readBigUInt64LE(0);
  for (let at = 0; at < SIZE_MARKER_BYTES; at += WORD) {
    if (
      block.readBigUInt64LE(at) !== offset ||
      block.readBigUInt64LE(at + 8) !== nonce
    ) {
      return undefined;
    }
  }
  return Number(offset);
};
