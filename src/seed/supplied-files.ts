// Adds files to those that the fragments of a seed write.
import { gzipSync } from "node:zlib";
import { mergeFragments } from "./library/merge-fragments.ts";
import { fromValue, type MapTree, type Value } from "./library/tree.ts";

/** A file of the node: its path there and its text. */
export type SuppliedFile = {
  readonly path: string;
  readonly mode: "0440" | "0600" | "0644" | "0755";
  readonly text: string;
  /** Set where the text is a secret that whoever flashes a card made elsewhere may not have. */
  readonly secret?: true;
};

/** Longer files are packed, because cloud-init parses its user-data in Python several times a boot. */
const PACKED_FROM = 8 * 1024;

/** The cloud-config with these files among those that it writes. */
export const withFiles = (
  document: MapTree,
  files: readonly SuppliedFile[],
): MapTree => {
  const more = fromValue(
    { write_files: files.map(writeFilesEntry) },
    document.at,
  );
  const merged =
    files.length > 0 && more.kind === "map"
      ? mergeFragments([document, more], () => undefined)
      : undefined;
  return merged ?? document;
};

/** The file as an entry of cloud-init's write_files. */
const writeFilesEntry = ({ path, mode, text }: SuppliedFile): Value => ({
  path,
  permissions: mode,
  ...(Buffer.byteLength(text) < PACKED_FROM
    ? { content: text }
    : { encoding: "gz+b64", content: packed(text) }),
});

/** Byte 9 of a gzip file names the machine it was made on; 255 says unknown, so that every machine writes the same. */
const packed = (text: string): string => {
  const data = gzipSync(text, { level: 9 });
  data[9] = 255;
  return data.toString("base64");
};
