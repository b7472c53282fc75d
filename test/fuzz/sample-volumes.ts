// Small file systems made by the real tools, in memory.
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { editFat } from "../../src/image/fat/edit-fat.ts";
import { prepareBase } from "../../src/image/node-patch.ts";
import { bufferSource } from "../../src/image/source.ts";
import { makeMbr } from "../image/make-image.ts";

export const NOW = new Date("2026-11-20T10:00:00Z");
export const MIB = 1024 * 1024;

/** Where the partition of an image stands. */
export const START = 4096;
/** Bytes of every volume. */
export const VOLUME = 4 * MIB;

/** An image with this one partition. */
export const behindMbr = (type: number, volume: Buffer): Buffer => {
  const prefix = Buffer.alloc(START);
  prefix.set(makeMbr([{ type, offset: START, length: volume.length }]));
  return Buffer.concat([prefix, volume]);
};

const tool = (name: string, ...args: readonly string[]): void => {
  const done = spawnSync(name, args);
  if (done.status !== 0) {
    throw new Error(`${name}: ${done.stderr.toString()}`);
  }
};

/** A new file of this size, given to a tool that makes a file system in it. */
export const made = (size: number, make: (path: string) => void): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-volume-"));
  try {
    const path = join(folder, "volume.img");
    writeFileSync(path, "");
    truncateSync(path, size);
    make(path);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const ENTRY_OF_FOLDER = "CURRENT    ";

/** A small FAT32 volume with files and a folder. mtools would take it for FAT16, so our own editor fills it. */
export const fatVolume = async (sectors: number): Promise<Buffer> => {
  const empty = made(VOLUME, (path) =>
    tool("mkfs.vfat", "-F", "32", "-s", String(sectors), "-n", "BOOT", path),
  );
  const image = behindMbr(0x0c, empty);
  const { fat } = await prepareBase(bufferSource(image));
  const inFolder = Buffer.alloc(96);
  inFolder.write(".          \x10", 0, "latin1");
  inFolder.write("..         \x10", 32, "latin1");
  inFolder.write("STATE   TXT\x20", 64, "latin1");
  const { patch } = await editFat(fat, NOW, (volume) => {
    const text = (name: string, content: string) =>
      volume.writeFile(name, Buffer.from(content));
    text("config.txt", "[all]\nkernel=vmlinuz\narm_64bit=1\n");
    text("cmdline.txt", "console=tty1 root=LABEL=writable\n");
    text("user-data", "#cloud-config\n".repeat(300));
    text("a long name of an overlay.dtbo", "x".repeat(20_000));
    volume.writeFile("current", inFolder);
  });
  for (const { offset, data } of patch) {
    image.set(data, offset);
  }
  const entry = image.indexOf(ENTRY_OF_FOLDER, 0, "latin1");
  image.writeUInt8(0x10, entry + 11);
  image.writeUInt32LE(0, entry + 28);
  return image.subarray(START);
};

/** An empty ext4, made with these words of mke2fs. */
export const extBytes = (...words: readonly string[]): Buffer =>
  made(VOLUME, (path) =>
    tool("mke2fs", "-q", "-F", "-t", "ext4", ...words, path),
  );
