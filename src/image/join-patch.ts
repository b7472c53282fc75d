// Brings patch parts into the form that a patch has: ascending, touching parts joined.
import type { Patch, PatchPart } from "./patch.ts";

/** Parts must not overlap: two changes of the same byte are a contradiction, and a bug. */
export const joinPatch = (parts: readonly PatchPart[]): Patch => {
  const sorted = parts.toSorted((a, b) => a.offset - b.offset);
  const runs: PatchPart[][] = [];
  let end = -1;
  for (const part of sorted) {
    if (part.offset < end) {
      throw new Error(`two changes of the image's byte ${part.offset}`);
    }
    if (part.offset === end) {
      runs.at(-1)?.push(part);
    } else {
      runs.push([part]);
    }
    end = part.offset + part.data.length;
  }
  return runs.map((run) => ({
    offset: run[0]?.offset ?? 0,
    data: Buffer.concat(run.map((part) => part.data)),
  }));
};
