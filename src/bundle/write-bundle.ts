// Writes a bundle: one tar whose bytes follow from its index alone.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { archiveWrong } from "./debian/archive-wrong.ts";
import { type BundleFile, INDEX_NAME } from "./bundle-index.ts";
import {
  tarBytes,
  type TarMember,
  tarPieces,
  textMember,
} from "./tar-members.ts";

/** A file of the bundle with its bytes. */
export type BundlePart = BundleFile & Pick<TarMember, "pieces">;

export const partOfFile = (facts: BundleFile, path: string): BundlePart => ({
  ...facts,
  pieces: () => createReadStream(path),
});

export const partOfText = (path: string, text: string): BundlePart => {
  const bytes = Buffer.from(text);
  return {
    path,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    pieces: () => [bytes],
  };
};

/** Compares on the way: what changed since it was fetched gets into no bundle. */
async function* provenPieces({
  path,
  bytes,
  sha256,
  pieces,
}: BundlePart): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let done = 0;
  for await (const piece of pieces()) {
    hash.update(piece);
    done += piece.length;
    yield piece;
  }
  if (done !== bytes || hash.digest("hex") !== sha256) {
    throw archiveWrong(path, "has changed while the bundle was written");
  }
}

const membersOf = (
  index: string,
  parts: readonly BundlePart[],
): readonly TarMember[] => [
  textMember(INDEX_NAME, index),
  ...parts.map((part) => ({
    name: part.path,
    bytes: part.bytes,
    pieces: () => provenPieces(part),
  })),
];

export const bundleBytes = (
  index: string,
  parts: readonly BundlePart[],
): number => tarBytes(membersOf(index, parts));

/**
 * The new file has everything on the disk when this returns its SHA-256, in hex. Throws ARCHIVE_WRONG where a part is not what
 * the index says.
 *
 * @param progress called with the bytes written so far
 */
export const writeBundle = async (
  path: string,
  index: string,
  parts: readonly BundlePart[],
  {
    signal,
    progress,
  }: {
    readonly signal: AbortSignal;
    readonly progress: (done: number) => void;
  },
): Promise<string> => {
  const file = await open(path, "wx", 0o644);
  try {
    const hash = createHash("sha256");
    let done = 0;
    for await (const piece of tarPieces(membersOf(index, parts))) {
      signal.throwIfAborted();
      hash.update(piece);
      await file.writeFile(piece);
      done += piece.length;
      progress(done);
    }
    await file.sync();
    return hash.digest("hex");
  } finally {
    await file.close();
  }
};
