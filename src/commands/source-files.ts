// Which files belong to an image that is read: its block map, its checksums and its manifest beside it.
import { basename, dirname, join } from "node:path";
import {
  CHECKSUM_ENDINGS,
  CHECKSUM_LISTS,
  SIGNATURE_ENDINGS,
} from "../base/proof/checksum-names.ts";
import type { SourceFile } from "../device/run-sources.ts";

/** How messages describe the image of a run that writes it. */
export const IMAGE_TO_WRITE = "the image that is to be written";

const ARCHIVE = /\.(?:xz|gz|zst|bz2|zip)$/i;
const RAW = /\.(?:img|raw|wic)$/i;

/** All paths at which such files may lie; `what` says how messages describe the image. */
export const imageFiles = (
  path: string,
  what: string,
): readonly SourceFile[] => {
  const raw = path.replace(ARCHIVE, "");
  const stem = raw.replace(RAW, "");
  const names = [...new Set([path, raw, stem])];
  const folder = dirname(path);
  const proofs = [
    ...names.flatMap((name) =>
      CHECKSUM_ENDINGS.map((ending) => `${name}${ending}`),
    ),
    ...CHECKSUM_LISTS.map((name) => join(folder, name)),
  ];
  const signatures = [...names, ...proofs].flatMap((name) =>
    SIGNATURE_ENDINGS.map((ending) => `${name}${ending}`),
  );
  return [
    { path, what },
    ...names.map((name) => ({
      path: `${name}.bmap`,
      what: `the block map of ${basename(path)}`,
    })),
    ...[...proofs, ...signatures].map((name) => ({
      path: name,
      what: `a checksum or signature of ${basename(path)}`,
    })),
    {
      path: `${stem}.manifest.json`,
      what: `the manifest of ${basename(path)}`,
    },
  ];
};
