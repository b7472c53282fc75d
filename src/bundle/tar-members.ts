// A tar whose bytes follow from its members alone: no times, owners or folders.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";

export type TarMember = {
  /** At most 100 bytes: longer ones need headers of their own. */
  readonly name: string;
  readonly bytes: number;
  /** Exactly as many bytes; called when their turn has come. */
  readonly pieces: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
};

const BLOCK = 512;
/** Two blocks of zeros. */
const END = 2 * BLOCK;
const EPOCH = new Date(0);

/** Bytes of the whole tar. */
export const tarBytes = (members: readonly TarMember[]): number =>
  members.reduce(
    (sum, { bytes }) => sum + BLOCK + Math.ceil(bytes / BLOCK) * BLOCK,
    END,
  );

const fill = async (
  tar: Pack,
  members: readonly TarMember[],
): Promise<void> => {
  for (const { name, bytes, pieces } of members) {
    const entry = tar.entry({ name, size: bytes, mtime: EPOCH, mode: 0o644 });
    await pipeline(Readable.from(pieces(), { objectMode: false }), entry);
  }
  tar.finalize();
};

/** Throws what the members throw. */
export async function* tarPieces(
  members: readonly TarMember[],
): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const filled = fill(tar, members);
  // Seen below; without this, a failure while nobody reads would end the process.
  filled.catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    yield* tar as AsyncIterable<Uint8Array>;
    await filled;
  } finally {
    tar.destroy();
  }
}

export const textMember = (name: string, text: string): TarMember => {
  const bytes = Buffer.from(text);
  return { name, bytes: bytes.length, pieces: () => [bytes] };
};
