// Where markers go on a device, so that a few of them prove its size; computes only.
import { SIZE_MARKER_BYTES } from "./size-markers.ts";

const MIB = 1024 ** 2;

/** In bytes, whole markers. */
export type SizeLayout = {
  /** A stretch that is filled with markers. */
  readonly start: number;
  readonly length: number;
  /** Single markers, one stretch apart from one another up to the end. */
  readonly singles: readonly number[];
};

/**
 * Wherever a card of real size R wraps around, the first single marker above start + R lands in the stretch that is full of
 * markers, because the singles lie one stretch apart: so what is found there tells R, whatever R is.
 */
export const sizeLayout = (size: number): SizeLayout => {
  const wanted = Math.min(64 * MIB, Math.max(4 * MIB, size / 1024));
  const length =
    Math.max(1, Math.floor(Math.min(wanted, size / 4) / SIZE_MARKER_BYTES)) *
    SIZE_MARKER_BYTES;
  const start = Math.floor(size / 256 / SIZE_MARKER_BYTES) * SIZE_MARKER_BYTES;
  const last = (Math.floor(size / SIZE_MARKER_BYTES) - 1) * SIZE_MARKER_BYTES;
  const singles: number[] = [];
  for (let at = start + length; at < last; at += length) {
    singles.push(at);
  }
  return { start, length, singles: [...singles, last] };
};
