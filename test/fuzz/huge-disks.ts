// Disks of gigabytes that exist only as a rule for what they hold.
import type { Source } from "../../src/image/source.ts";
import { makeMbr } from "../image/make-image.ts";
import { MIB, START } from "./sample-volumes.ts";

/** A disk that holds little, and reads as `fill` says everywhere else. */
const hugeDisk = (
  size: number,
  start: Buffer,
  fill: (block: number) => number,
): Source => ({
  size,
  read: async (offset, length) => {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const block = Math.floor((offset + at) / 4096);
      const end = Math.min((block + 1) * 4096 - offset, length);
      bytes.fill(fill(block), at, end);
      at = end;
    }
    start.copy(bytes, 0, Math.min(offset, start.length));
    return bytes;
  },
  close: async () => undefined,
});

/** FAT32 with the largest number of clusters that a table of 64 MiB can name, in one endless chain or in folders. */
export const hugeFat = (
  fat: (entry: number) => number,
  size: number,
): Source => {
  const start = Buffer.alloc(START + 512);
  const sectors = Math.floor((size - START) / 512);
  start.set(makeMbr([{ type: 0x0c, offset: START, length: sectors * 512 }]));
  const boot = start.subarray(START);
  const table = 131_072; // sectors
  boot.set([0xeb, 0x58, 0x90]);
  boot.writeUInt16LE(512, 11);
  boot.writeUInt8(1, 13);
  boot.writeUInt16LE(8, 14);
  boot.writeUInt8(1, 16);
  boot.writeUInt8(0xf8, 21);
  boot.writeUInt32LE(sectors, 32);
  boot.writeUInt32LE(table, 36);
  boot.writeUInt32LE(2, 44);
  boot.writeUInt16LE(0xaa55, 510);
  const fatStart = START + 8 * 512;
  const dataStart = fatStart + table * 512;
  return {
    size,
    read: async (offset, length) => {
      const bytes = Buffer.alloc(length);
      const end = Math.min(offset + length, dataStart);
      const first = Math.max(offset, fatStart);
      for (let at = first; at + 4 <= end; at += 4) {
        bytes.writeUInt32LE(fat((at - fatStart) / 4), at - offset);
      }
      // Every cluster of data is a folder with one entry: the folder in the cluster behind it.
      for (
        let at = Math.max(dataStart, Math.ceil(offset / 512) * 512);
        at + 32 <= offset + length;
        at += 512
      ) {
        const next = (at - dataStart) / 512 + 3;
        bytes.write("FOLDER     \x10", at - offset, "latin1");
        bytes.writeUInt16LE(next >>> 16, at - offset + 20);
        bytes.writeUInt16LE(next & 0xffff, at - offset + 26);
      }
      start.copy(bytes, 0, Math.min(offset, start.length));
      return bytes;
    },
    close: async () => undefined,
  };
};

/** ext4 of 32 GiB without checksums, whose bitmaps all hold the same byte, in groups as small as they may be. */
export const hugeExt = (fill: number): Source => {
  const size = 32 * 1024 * MIB;
  const blocks = size / 4096 - 4096;
  const start = Buffer.alloc(START + 4096);
  start.set(makeMbr([{ type: 0x83, offset: START, length: blocks * 4096 }]));
  const sb = start.subarray(START + 1024);
  sb.writeUInt32LE(blocks, 0x04);
  sb.writeUInt32LE(2, 0x18);
  sb.writeUInt32LE(2, 0x1c);
  sb.writeUInt32LE(256 * 16, 0x20);
  sb.writeUInt32LE(256 * 16, 0x24);
  sb.writeUInt32LE(16, 0x28);
  sb.writeUInt16LE(0xef53, 0x38);
  sb.writeUInt16LE(1, 0x3a);
  sb.writeUInt32LE(1, 0x4c);
  sb.writeUInt16LE(128, 0x58);
  sb.writeUInt32LE(0x40, 0x60);
  const groups = Math.ceil(blocks / 4096);
  const tables = Math.ceil((groups * 32) / 4096);
  const descriptor = Buffer.alloc(32);
  descriptor.writeUInt32LE(tables + 10, 0);
  descriptor.writeUInt32LE(tables + 11, 4);
  descriptor.writeUInt32LE(tables + 12, 8);
  descriptor.writeUInt16LE(fill === 0xff ? 0 : 2048, 12);
  const table = Buffer.alloc(4096, descriptor);
  const disk = hugeDisk(size, start, () => fill);
  return {
    ...disk,
    read: async (offset, length) => {
      const block = (offset - START) / 4096;
      return block >= 1 && block <= tables
        ? Buffer.from(table.subarray(0, length))
        : disk.read(offset, length);
    },
  };
};
