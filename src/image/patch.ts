// A node's image is base + patch: the patch is the few ranges in which the two differ.
import { rangeEnd } from "./range.ts";
import type { Source } from "./source.ts";

/** Bytes that replace those of the base from `offset` on. */
export type PatchPart = { readonly offset: number; readonly data: Uint8Array };

/** Parts in ascending order that do not overlap. */
export type Patch = readonly PatchPart[];

/** Puts the patch's bytes into `data`, which holds the image's bytes from `offset` on. */
export const applyPatch = (
  patch: Patch,
  offset: number,
  data: Uint8Array,
): void => {
  const end = offset + data.length;
  for (const part of patch) {
    if (part.offset >= end) {
      return;
    }
    const partEnd = rangeEnd({ offset: part.offset, length: part.data.length });
    if (partEnd <= offset) {
      continue;
    }
    const from = Math.max(offset, part.offset);
    const to = Math.min(end, partEnd);
    data.set(
      part.data.subarray(from - part.offset, to - part.offset),
      from - offset,
    );
  }
};

/** Reads base + patch as one raw image. */
export const patchedSource = (base: Source, patch: Patch): Source => ({
  size: base.size,
  read: async (offset, length) => {
    const data = await base.read(offset, length);
    applyPatch(patch, offset, data);
    return data;
  },
  close: base.close,
});
