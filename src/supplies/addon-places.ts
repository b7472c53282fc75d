// The add-ons of an inventory: where each comes from, and what its file is called on the node.
import { posix } from "node:path";

export type AddonPlace = {
  /** File name on the node; the order of the names is the inventory's order. */
  readonly file: string;
} & (
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "url"; readonly url: string }
);

const FILE = "file:";
const URL_PREFIX = "url:";

/**
 * "components.yaml" as the second add-on -> "20-addon-02-components.yaml", with only such characters as every file system
 * allows.
 */
const fileName = (place: string, index: number): string => {
  const stem = posix
    .basename(place)
    .replace(/\.(ya?ml|json)$/i, "")
    .replaceAll(/[^A-Za-z0-9.-]+/g, "-")
    .slice(0, 60);
  return `20-addon-${String(index + 1).padStart(2, "0")}-${stem}.yaml`;
};

/** @param addons `file:` with an absolute path, or `url:` */
export const addonPlaces = (addons: readonly string[]): readonly AddonPlace[] =>
  addons.map((addon, index) => {
    const isFile = addon.startsWith(FILE);
    const place = addon.slice(isFile ? FILE.length : URL_PREFIX.length);
    const file = fileName(place, index);
    return isFile
      ? { file, from: "file", path: place }
      : { file, from: "url", url: place };
  });
