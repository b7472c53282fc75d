// Turns a piece of the base image into the piece of one target's image.
import { applyPatch } from "../image/patch.ts";
import { type Piece, pieceOf } from "./assemble.ts";
import { touches } from "./segments.ts";
import type { SlotPool } from "./slots.ts";
import type { TargetRun } from "./target-run.ts";

/** The same bytes, shared, where the patch leaves them alone; else a copy. The caller releases both pieces. */
export const personalise = async (
  base: Piece,
  { patch, patched }: Pick<TargetRun, "patch" | "patched">,
  pool: SlotPool,
): Promise<Piece> => {
  const { segment, slot } = base;
  if (!touches(patched, segment)) {
    slot.retain();
    return base;
  }
  const copy = await pool.acquire();
  copy.bytes.set(slot.bytes);
  applyPatch(patch, segment.offset, copy.bytes.subarray(0, segment.length));
  return pieceOf(segment, copy);
};
