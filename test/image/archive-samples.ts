// Images and archives for the tests of the readers: compressed by the real tools, read back through `openImage`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { openImage } from "../../src/image/archive/open-image.ts";
import type { Range } from "../../src/image/range.ts";
import type { Chunk } from "../../src/image/reader.ts";
import { asDisk } from "../support/as-disk.ts";

/** A folder that is gone after the test. */
export const testFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Bytes that look like a disk: text, zeros and noise by turns, behind a partition table. */
export const sampleImage = (size: number, seed = 1): Buffer => {
  const image = Buffer.alloc(size);
  let state = seed >>> 0 || 1;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let position = 0; position < size;) {
    const length = Math.min(1 + (random() % 9000), size - position);
    const kind = random() % 3;
    if (kind === 1) {
      image.fill(`line ${random()} of a file\n`, position, position + length);
    } else if (kind === 2) {
      for (let at = position; at < position + length; at += 1) {
        image[at] = random() & 0xff;
      }
    }
    position += length;
  }
  return asDisk(image);
};

/** Runs a compressor from stdin to stdout. */
export const compress = (
  tool: string,
  args: readonly string[],
  input: Buffer,
): Buffer => {
  const result = spawnSync(tool, args, { input, maxBuffer: 2 ** 30 });
  expect(result.stderr.toString()).toBe("");
  expect(result.status).toBe(0);
  return result.stdout;
};

export const xz = (input: Buffer, ...args: string[]): Buffer =>
  compress("xz", ["--compress", "--stdout", ...args], input);

/** A zip file made by the zip program from these files. */
export const zip = (
  files: Readonly<Record<string, Buffer>>,
  ...args: string[]
): Buffer => {
  const folder = testFolder();
  for (const [name, data] of Object.entries(files)) {
    writeFileSync(join(folder, name), data);
  }
  const result = spawnSync(
    "zip",
    ["-q", ...args, "out.zip", ...Object.keys(files)],
    { cwd: folder },
  );
  expect(result.stderr.toString()).toBe("");
  return readFileSync(join(folder, "out.zip"));
};

export const writeSample = (name: string, data: Uint8Array): string => {
  const path = join(testFolder(), name);
  writeFileSync(path, data);
  return path;
};

/** Lays chunks over zeros; checks that they come in ascending order. */
export const collect = async (
  chunks: AsyncIterable<Chunk>,
  size: number,
): Promise<Buffer> => {
  const image = Buffer.alloc(size);
  let end = 0;
  for await (const chunk of chunks) {
    expect(chunk.offset).toBeGreaterThanOrEqual(end);
    end = chunk.offset + chunk.data.length;
    expect(end).toBeLessThanOrEqual(size);
    image.set(chunk.data, chunk.offset);
  }
  return image;
};

/** All bytes that `openImage` reads from the file; checks that the whole image came and no more. */
export const readImage = async (
  path: string,
  size: number,
  ranges?: readonly Range[],
): Promise<Buffer> => {
  const reader = await openImage(path);
  try {
    return await collect(reader.chunks(ranges), size);
  } finally {
    await reader.close();
  }
};

/** Equality without the pages of difference that a failed `toEqual` on images prints. */
export const expectSame = (actual: Buffer, expected: Buffer): void => {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
};
