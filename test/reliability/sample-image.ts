// The image that the runs flash, and what the card held before.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { oldData, temporaryFolder } from "../device/loop.ts";
import { CARD, IMAGE } from "./faults.ts";
import { asDisk } from "../support/as-disk.ts";

export const image = (() => {
  const bytes = oldData(IMAGE);
  // Other bytes than the card's.
  bytes.reverse();
  asDisk(bytes);
  return bytes;
})();

/** What the card held. */
export const before = oldData(CARD);

/** A folder with the image as sample.img. */
export const imageFolder = (): string => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "sample.img"), image);
  return folder;
};
