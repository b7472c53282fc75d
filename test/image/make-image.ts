// Makes raw images for tests: an MBR around file systems made by the real tools.
import { mkdtempSync, rmSync } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Patch } from "../../src/image/patch.ts";
import { openFileSource, type Source } from "../../src/image/source.ts";
import { runTool } from "../../src/system/run/run-tool.ts";

/** A folder that goes away with the test. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-test-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};

export type TableEntry = {
  readonly type: number;
  /** Bytes, multiples of 512. */
  readonly offset: number;
  readonly length: number;
};

/** An MBR sector with these partitions. */
export const makeMbr = (
  entries: readonly TableEntry[],
  diskId = 0x1634ec00,
): Buffer => {
  const mbr = Buffer.alloc(512);
  mbr.writeUInt32LE(diskId, 440);
  for (const [index, entry] of entries.entries()) {
    const at = 446 + index * 16;
    mbr.writeUInt8(entry.type, at + 4);
    mbr.writeUInt32LE(entry.offset / 512, at + 8);
    mbr.writeUInt32LE(entry.length / 512, at + 12);
  }
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
};

/** Writes `data` into a file that exists or is made. */
export const writeAt = async (
  path: string,
  offset: number,
  data: Uint8Array,
): Promise<void> => {
  const handle = await open(path, "r+").catch(() => open(path, "w+"));
  try {
    await handle.write(data, 0, data.length, offset);
  } finally {
    await handle.close();
  }
};

export const patchFile = async (path: string, patch: Patch): Promise<void> => {
  for (const part of patch) {
    await writeAt(path, part.offset, part.data);
  }
};

export type FatOptions = {
  readonly size: number;
  readonly clusterSectors: number;
  readonly sectorSize?: number;
  readonly copies?: number;
  readonly label?: string;
};

/** mkfs.vfat -F 32 on a new file. */
export const makeFat = async (
  path: string,
  options: FatOptions,
): Promise<void> => {
  await writeAt(path, 0, new Uint8Array(0));
  await truncate(path, options.size);
  const { clusterSectors, sectorSize = 512, copies = 2 } = options;
  const numbers = ["-s", clusterSectors, "-S", sectorSize, "-f", copies];
  const label = options.label ?? "system-boot";
  await runTool(
    "mkfs.vfat",
    ["-F", "32", "-n", label, "-i", "1234abcd", ...numbers, path].map(String),
  );
};

/** Opens a raw image that the test's end closes. */
export const openForTest = async (path: string): Promise<Source> => {
  const source = await openFileSource(path);
  onTestFinished(() => source.close());
  return source;
};

/** The source of an image whose partition is a file of its own, behind `prefix` (partition table and gap). */
export const behindPrefix = (
  prefix: Uint8Array,
  partition: Source,
): Source => ({
  size: prefix.length + partition.size,
  read: async (offset, length) => {
    const fromPrefix = Buffer.from(prefix.subarray(offset, offset + length));
    const rest = length - fromPrefix.length;
    if (rest === 0) {
      return fromPrefix;
    }
    const at = Math.max(offset - prefix.length, 0);
    return Buffer.concat([fromPrefix, await partition.read(at, rest)]);
  },
  close: partition.close,
});

/** The patch of an image as a patch of the partition file behind `prefixLength` bytes. */
export const withoutPrefix = (patch: Patch, prefixLength: number): Patch =>
  patch
    .filter((part) => part.offset >= prefixLength)
    .map((part) => ({ offset: part.offset - prefixLength, data: part.data }));
