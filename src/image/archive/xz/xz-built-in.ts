// Decodes .xz without the xz program: xz-decompress, which is WebAssembly and about half as fast.
import type { FileHandle } from "node:fs/promises";
// A named import fails outside of bundlers: the package is UMD and has no ESM exports.
import xz from "xz-decompress";
import { DecodeFailure } from "../decoder-tool.ts";
import type { StreamPart } from "./xz-run.ts";
import type { RunDecoder } from "./xz-run-decoder.ts";

const READ_SIZE = 64 * 1024;

async function* partBytes(
  archive: FileHandle,
  parts: readonly StreamPart[],
): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (Buffer.isBuffer(part)) {
      yield part;
      continue;
    }
    for (let done = 0; done < part.length;) {
      const length = Math.min(READ_SIZE, part.length - done);
      const { buffer, bytesRead } = await archive.read(
        Buffer.allocUnsafe(length),
        0,
        length,
        part.offset + done,
      );
      if (bytesRead === 0) {
        throw new DecodeFailure("the file became shorter while it was read");
      }
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  }
}

const asWebStream = (
  bytes: AsyncGenerator<Uint8Array>,
): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull: async (controller) => {
      const next = await bytes.next();
      if (next.done === true) {
        controller.close();
      } else {
        controller.enqueue(next.value);
      }
    },
    cancel: async () => {
      await bytes.return(undefined);
    },
  });

/** What the parts, one or more complete .xz streams, decode to. */
export async function* builtInPieces(
  archive: FileHandle,
  parts: readonly StreamPart[],
): AsyncGenerator<Uint8Array> {
  const reader = new xz.XzReadableStream(
    asWebStream(partBytes(archive, parts)),
  ).getReader();
  let ended = false;
  try {
    for (;;) {
      const next = await reader.read().catch((error: unknown) => {
        ended = true;
        throw error instanceof DecodeFailure
          ? error
          : new DecodeFailure(
              `the built-in decoder says: ${error instanceof Error ? error.message : String(error)}`,
            );
      });
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // The package decodes one stream at a time; cancelling one that has ended already would let two run at once.
    if (!ended) {
      await reader.cancel();
    }
  }
}

/** Decodes one run after the other, each into memory of its own. */
export const openXzBuiltIn = (archive: FileHandle): RunDecoder => ({
  decode: async (parts, size) => {
    const decoded = Buffer.allocUnsafe(size);
    let filled = 0;
    for await (const piece of builtInPieces(archive, parts)) {
      if (filled + piece.length > size) {
        throw new DecodeFailure(`more than ${size} bytes came`);
      }
      decoded.set(piece, filled);
      filled += piece.length;
    }
    if (filled !== size) {
      throw new DecodeFailure(`${filled} bytes came instead of ${size}`);
    }
    return {
      read: async (offset, target) => {
        decoded.copy(target, 0, offset);
      },
      release: () => undefined,
    };
  },
  close: async () => undefined,
});
