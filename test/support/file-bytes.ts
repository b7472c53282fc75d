// Compares and searches large files piece by piece: each page of memory that a test fills costs more than its comparison.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

const MIB = 1024 * 1024;

/** A file's bytes in order, a MiB at a time; each piece is there until the next one is asked for. */
function* piecesOf(
  file: string,
): Generator<{ readonly offset: number; readonly bytes: Buffer }> {
  const buffer = Buffer.alloc(MIB);
  const handle = openSync(file, "r");
  try {
    for (let offset = 0; ; offset += MIB) {
      const length = readSync(handle, buffer, 0, MIB, offset);
      if (length === 0) {
        return;
      }
      yield { offset, bytes: buffer.subarray(0, length) };
    }
  } finally {
    closeSync(handle);
  }
}

const EMPTY = Buffer.alloc(MIB);

/** The pieces that hold anything but zeros. */
function* filledPiecesOf(file: string): ReturnType<typeof piecesOf> {
  for (const piece of piecesOf(file)) {
    if (!piece.bytes.equals(EMPTY.subarray(0, piece.bytes.length))) {
      yield piece;
    }
  }
}

/** Two files with the same digest hold the same bytes, wherever they have holes. */
export const digestOf = (file: string): string => {
  const hash = createHash("sha256").update(`${statSync(file).size}\n`);
  for (const { offset, bytes } of filledPiecesOf(file)) {
    hash.update(`${offset}\n`).update(bytes);
  }
  return hash.digest("hex");
};

/** Whether the text occurs, also across two pieces. */
export const holdsText = (file: string, text: string): boolean => {
  const wanted = Buffer.from(text);
  let before = { end: 0, tail: Buffer.alloc(0) };
  for (const { offset, bytes } of filledPiecesOf(file)) {
    const tail = before.end === offset ? before.tail : Buffer.alloc(0);
    const joint = bytes.subarray(0, wanted.length);
    if (
      bytes.includes(wanted) ||
      Buffer.concat([tail, joint]).includes(wanted)
    ) {
      return true;
    }
    before = {
      end: offset + bytes.length,
      tail: Buffer.from(bytes.subarray(-wanted.length)),
    };
  }
  return false;
};

/** Whether the file begins with these bytes. */
export const beginsWith = (file: string, wanted: Uint8Array): boolean => {
  let seen = 0;
  for (const { offset, bytes } of piecesOf(file)) {
    const part = wanted.subarray(offset, offset + bytes.length);
    if (!bytes.subarray(0, part.length).equals(part)) {
      return false;
    }
    seen = offset + part.length;
    if (seen >= wanted.length) {
      break;
    }
  }
  return seen >= wanted.length;
};
