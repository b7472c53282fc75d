// File systems that were not unmounted, in raw images and in packed ones, by the real tools.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { lookAtImage } from "../../src/image/look/look-image.ts";
import { lookUnclean } from "../../src/image/look/look-unclean.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import { bufferSource } from "../../src/image/source.ts";
import { run, sparseFile, temporaryFolder } from "../device/loop.ts";
import { describeWithTools } from "../support/tools.ts";
import { makeMbr } from "./make-image.ts";

const MIB = 1024 ** 2;

const reasonOf = async (bytes: Buffer) => {
  const found = await lookUnclean(bufferSource(bytes), {
    offset: 0,
    length: bytes.length,
  });
  return found === undefined ? undefined : `${found.name} ${found.reason}`;
};

const made = (size: number, tool: string, ...args: readonly string[]) => {
  const file = sparseFile(join(temporaryFolder(), "volume"), size);
  run(tool, ...args, file);
  return { file, bytes: () => readFileSync(file) };
};

const edited = (bytes: Buffer, edit: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
};

describeWithTools(["mkfs.ext4", "debugfs", "mkfs.vfat"], "lookUnclean", () => {
  test.each(["ext2", "ext3", "ext4"])("knows an %s at rest", async (type) => {
    const { file, bytes } = made(8 * MIB, "mkfs.ext4", "-q", "-t", type);
    expect(await reasonOf(bytes())).toBeUndefined();
    run("debugfs", "-w", "-R", "set_super_value state 0", file);
    expect(await reasonOf(bytes())).toBe(`${type} was not unmounted cleanly`);
    run("debugfs", "-w", "-R", "set_super_value state 3", file);
    expect(await reasonOf(bytes())).toBe(`${type} is marked as having errors`);
    run("debugfs", "-w", "-R", "set_super_value state 1", file);
    if (type !== "ext2") {
      run("debugfs", "-w", "-R", "feature needs_recovery", file);
      expect(await reasonOf(bytes())).toMatch(/its journal holds changes/);
    }
  });

  test.each([
    ["FAT32", 64 * MIB, ["-F", "32"], 65, [0x0800_0000, 0x0400_0000]],
    ["FAT16", 32 * MIB, ["-F", "16"], 37, [0x8000, 0x4000]],
    ["FAT12", 4 * MIB, ["-F", "12"], 37, undefined],
  ] as const)(
    "knows a %s at rest by both of its marks",
    async (name, size, how, state, bits) => {
      const bytes = made(size, "mkfs.vfat", ...how).bytes();
      const dirty = `${name} was not unmounted cleanly`;
      expect(await reasonOf(bytes)).toBeUndefined();
      expect(await reasonOf(edited(bytes, (b) => b.writeUInt8(1, state)))).toBe(
        dirty,
      );
      if (bits !== undefined) {
        const wide = name === "FAT32";
        const at = bytes.readUInt16LE(14) * 512 + (wide ? 4 : 2);
        const entry = wide ? bytes.readUInt32LE(at) : bytes.readUInt16LE(at);
        const without = async (bit: number) =>
          reasonOf(
            edited(bytes, (b) =>
              wide
                ? b.writeUInt32LE((entry & ~bit) >>> 0, at)
                : b.writeUInt16LE(entry & ~bit, at),
            ),
          );
        expect(await without(bits[0])).toBe(dirty);
        expect(await without(bits[1])).toBe(
          `${name} is marked as having errors`,
        );
      }
    },
  );

  test("is found in every packing of an image", async () => {
    const folder = temporaryFolder();
    const { file, bytes } = made(8 * MIB, "mkfs.ext4", "-q");
    run("debugfs", "-w", "-R", "feature needs_recovery", file);
    const image = Buffer.concat([
      makeMbr([{ type: 0x83, offset: MIB, length: 8 * MIB }]),
      Buffer.alloc(MIB - 512),
      bytes(),
    ]);
    const raw = join(folder, "a.img");
    writeFileSync(raw, image);
    writeFileSync(`${raw}.gz`, gzipSync(image, { level: 1 }));
    run("xz", "-k", "-0", raw);
    run("zstd", "-q", "-k", raw);
    run("zip", "-q", "-1", "-j", `${raw}.zip`, raw);
    for (const packing of ["", ".gz", ".xz", ".zst", ".zip"]) {
      const reader = await openImage(raw + packing);
      const looked = await lookAtImage(reader, image.length);
      await reader.close();
      expect([packing, looked.table.kind]).toEqual([packing, "mbr"]);
      expect(looked.unclean).toMatchObject([{ partition: 1, name: "ext4" }]);
    }
  });
});

describeWithTools(["mkfs.ntfs", "ntfsfix"], "lookUnclean on NTFS", () => {
  test("knows the flag that asks Windows for a check", async () => {
    const { file, bytes } = made(8 * MIB, "mkfs.ntfs", "-F", "-q");
    expect(await reasonOf(bytes())).toBeUndefined();
    // It sets the flag, and with -d it clears it.
    run("ntfsfix", file);
    expect(await reasonOf(bytes())).toBe("NTFS was not unmounted cleanly");
    run("ntfsfix", "-d", file);
    expect(await reasonOf(bytes())).toBeUndefined();
  });
});

describeWithTools(["mkfs.f2fs", "dump.f2fs"], "lookUnclean on F2FS", () => {
  test("knows the flags of the newer checkpoint", async () => {
    const { file, bytes } = made(64 * MIB, "mkfs.f2fs", "-q");
    const clean = bytes();
    expect(await reasonOf(clean)).toBeUndefined();
    const at = clean.readUInt32LE(1024 + 76) * 4096;
    // As fsck's own reader sees it: the offset is the flags'.
    const shown = run("dump.f2fs", "-d", "1", file);
    const flags = Number.parseInt(
      /checkpoint state = ([0-9a-f]+)/.exec(shown)?.[1] ?? "",
      16,
    );
    expect(clean.readUInt32LE(at + 132)).toBe(flags);
    expect(flags & 1).toBe(1);
    const withFlags = (flag: number, version = 1n) =>
      edited(clean, (copy) => {
        const other = at + 512 * 4096;
        copy.copy(copy, other, at, at + 512 * 4096);
        const blocks = copy.readUInt32LE(at + 136);
        copy.writeUInt32LE(flag, other + 132);
        for (const block of [0, blocks - 1]) {
          const before = copy.readBigUInt64LE(at + block * 4096);
          copy.writeBigUInt64LE(before + version, other + block * 4096);
        }
      });
    expect(await reasonOf(withFlags(0))).toBe("F2FS was not unmounted cleanly");
    expect(await reasonOf(withFlags(0, -1n))).toBeUndefined();
    expect(await reasonOf(withFlags(9))).toBe(
      "F2FS is marked as having errors",
    );
  });
});

describe("lookUnclean on other file systems", () => {
  test("knows the marks of exFAT, btrfs and a hibernated system", async () => {
    const disk = Buffer.alloc(256 * 1024);
    disk.write("EXFAT   ", 3);
    expect(await reasonOf(disk)).toBeUndefined();
    disk.writeUInt16LE(2, 106);
    expect(await reasonOf(disk)).toBe("exFAT was not unmounted cleanly");
    const tree = Buffer.alloc(256 * 1024);
    tree.write("_BHRfS_M", 64 * 1024 + 64);
    expect(await reasonOf(tree)).toBeUndefined();
    tree.writeUInt8(1, 64 * 1024 + 0x60);
    expect(await reasonOf(tree)).toBe("btrfs was not unmounted cleanly");
    const swap = Buffer.alloc(8192);
    swap.write("S1SUSPEND", 4086);
    expect(await reasonOf(swap)).toMatch(/^swap space holds a hibernated/);
  });
});
