// What is not a disk image is named, raw and in every packing, before anything is written; a disk is taken.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openImage } from "../../src/image/archive/open-image.ts";
import { describeWithTools } from "../support/tools.ts";
import { asDisk } from "../support/as-disk.ts";
import { failureOf } from "../support/failure.ts";
import {
  compress,
  testFolder,
  writeSample,
  xz,
  zip,
} from "./archive-samples.ts";

const SIZE = 160 * 1024;

/** Bytes of one file with texts in it, such as [257, "ustar"]. */
const bytesWith = (...parts: readonly (readonly [number, string])[]) => {
  const bytes = Buffer.alloc(SIZE);
  for (const [at, text] of parts) {
    bytes.write(text, at, "latin1");
  }
  return bytes;
};

/** A header of the tar of 1979: no magic, only its checksum tells it. */
const oldTar = (): Buffer => {
  const bytes = bytesWith(
    [0, "a.img"],
    [100, "0000644\0"],
    [124, "00000010000\0"],
    [148, "        "],
    [156, "0"],
  );
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
};

/** A boot sector as mkfs.fat --mbr makes it: the volume is its own first partition. */
const fatWithMbr = (): Buffer => {
  const bytes = bytesWith([3, "mkfs.fat"], [82, "FAT32   "]);
  bytes.writeUInt8(0x80, 446);
  bytes.writeUInt8(0x0c, 450);
  bytes.writeUInt32LE(0, 454);
  bytes.writeUInt32LE(SIZE / 512, 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
};

/** Windows ends its boot sectors with messages where a table would be. */
const windowsVolume = (name: string): Buffer =>
  bytesWith(
    [3, name],
    [430, "An error occurred. Press Ctrl+Alt+Del to restart"],
    [510, "\x55\xaa"],
  );

const others: Readonly<Record<string, readonly [string, Buffer]>> = {
  "a tar of today": [
    "a tar archive",
    bytesWith([0, "a.img"], [257, "ustar\x0000"]),
  ],
  "a tar of GNU": [
    "a tar archive",
    bytesWith([0, "a.img"], [257, "ustar  \0"]),
  ],
  "a tar of 1979": ["a tar archive", oldTar()],
  cpio: ["a cpio archive", bytesWith([0, "070701"])],
  deb: ["a Debian package", bytesWith([0, "!<arch>\ndebian-binary"])],
  "7z": ["a .7z archive", bytesWith([0, "7z\xbc\xaf\x27\x1c"])],
  rar: ["a .rar archive", bytesWith([0, "Rar!\x1a\x07\x01\0"])],
  wim: ["a Windows image (.wim)", bytesWith([0, "MSWIM\0\0\0"])],
  qcow2: ["a qcow2 disk", bytesWith([0, "QFI\xfb\0\0\0\x03"])],
  vmdk: ["a VMDK disk", bytesWith([0, "KDMV"])],
  vhdx: ["a VHDX disk", bytesWith([0, "vhdxfile"])],
  "a dynamic VHD": ["a VHD disk", bytesWith([0, "conectix"])],
  vdi: [
    "a VDI disk",
    bytesWith([0, "<<< Oracle VM"], [64, "\x7f\x10\xda\xbe"]),
  ],
  elf: ["a program (ELF)", bytesWith([0, "\x7fELF\x02"])],
  pdf: ["a PDF document", bytesWith([0, "%PDF-1.7"])],
  html: [
    "a web page",
    Buffer.from("\ufeff\n <!doctype HTML><title>Login</title>"),
  ],
  "an Android sparse image": [
    "an Android sparse image",
    bytesWith([0, "\x3a\xff\x26\xed"]),
  ],
  uf2: ["a UF2 file for a microcontroller", bytesWith([0, "UF2\nWQ]\x9e"])],
  zeros: ["blank space (its beginning is all zeros)", bytesWith()],
  "zeros of less than a sector": [
    "a fragment of 511 bytes (a partition table alone takes 512)",
    Buffer.alloc(511),
  ],
  "the beginning of a table": [
    "a fragment of 300 bytes (a partition table alone takes 512)",
    Buffer.alloc(300, 0xfa),
  ],
  text: ["a text", Buffer.alloc(SIZE, "this is a text, not an image\n")],
  "a block map": [
    "a block map (.bmap)",
    Buffer.from('<?xml version="1.0" ?>\n<!-- x -->\n<bmap version="2.0">'),
  ],
  "a list of checksums": [
    "a list of checksums",
    Buffer.from(`${"0a".repeat(32)}  a.img.xz\n`),
  ],
  "a FAT volume": [
    "a FAT file system without a partition table",
    bytesWith([54, "FAT16   "], [510, "\x55\xaa"]),
  ],
  "a FAT volume with an MBR": [
    "a FAT file system without a partition table",
    fatWithMbr(),
  ],
  "a volume of NTFS": [
    "an NTFS file system without a partition table",
    windowsVolume("NTFS    "),
  ],
  "a volume of exFAT": [
    "an exFAT file system without a partition table",
    windowsVolume("EXFAT   "),
  ],
  squashfs: [
    "a squashfs file system without a partition table",
    bytesWith([0, "hsqs"]),
  ],
  erofs: [
    "an EROFS file system without a partition table",
    bytesWith([1024, "\xe2\xe1\xf5\xe0"]),
  ],
  xfs: ["an XFS file system without a partition table", bytesWith([0, "XFSB"])],
  f2fs: [
    "an F2FS file system without a partition table",
    bytesWith([1024, "\x10\x20\xf5\xf2"]),
  ],
  btrfs: [
    "a btrfs file system without a partition table",
    bytesWith([65_600, "_BHRfS_M"]),
  ],
  ext: [
    "an ext2 file system without a partition table",
    bytesWith([1080, "\x53\xef"]),
  ],
  luks: [
    "a LUKS container without a partition table",
    bytesWith([0, "LUKS\xba\xbe\0\x02"]),
  ],
  iso: [
    "an ISO 9660 file system without a partition table",
    bytesWith([32_769, "CD001"]),
  ],
  "an ISO with a signature and no table": [
    "an ISO 9660 file system without a partition table",
    bytesWith([32_769, "CD001"], [510, "\x55\xaa"]),
  ],
  "a GPT without MBR": [
    "a disk whose GPT has lost its protective MBR",
    bytesWith([512, "EFI PART"]),
  ],
};

const packed = (name: string, bytes: Buffer): Buffer =>
  name === "gzip"
    ? gzipSync(bytes)
    : name === "xz"
      ? xz(bytes)
      : name === "xz of blocks"
        ? xz(bytes, "--block-size=64KiB", "--threads=2")
        : name === "zstd"
          ? compress("zstd", ["--stdout", "-q"], bytes)
          : name === "zip"
            ? zip({ "a.img": bytes })
            : bytes;

const refusal = async (path: string): Promise<string> => {
  const error = await failureOf(openImage(path));
  expect(error.state).toBe("nothing was written");
  return `${error.code} ${error.exitCode}: ${error.message}`;
};

describe("a file that is not a disk image", () => {
  it.each(Object.entries(others))("is named: %s", async (_, [name, bytes]) => {
    const raw = writeSample("a.img", bytes);
    expect(await refusal(raw)).toBe(
      `IMAGE_NOT_AN_IMAGE 2: ${raw} is not a disk image but ${name}`,
    );
    const inside = writeSample("a.img.gz", gzipSync(bytes));
    expect(await refusal(inside)).toBe(
      `IMAGE_NOT_AN_IMAGE 2: ${inside} holds ${name}, not a disk image`,
    );
  });

  it.each([
    ["koly", "a disk image of macOS (.dmg)"],
    ["conectix", "a VHD disk"],
  ])("is known by its end, %s", async (mark, name) => {
    const disk = asDisk(Buffer.alloc(4096));
    const path = writeSample(
      "a.img",
      Buffer.concat([disk, Buffer.alloc(512, mark)]),
    );
    expect(await refusal(path)).toContain(`is not a disk image but ${name}`);
  });

  it("is told as unknown where nothing is known", async () => {
    expect(
      await refusal(
        writeSample("a.gz", gzipSync(Buffer.alloc(4096, "\x01\xff\x80"))),
      ),
    ).toContain(
      "holds something other than a disk image: it has no partition table",
    );
  });
});

describeWithTools(["xz", "zstd", "zip", "tar"], "an archive", () => {
  const formats = ["gzip", "xz", "xz of blocks", "zstd", "zip"];

  it.each(formats)("of %s that holds a tar is refused", async (format) => {
    const folder = testFolder();
    writeFileSync(join(folder, "a.img"), asDisk(Buffer.alloc(SIZE, 7)));
    const tar = spawnSync("tar", ["-cf", "-", "a.img"], { cwd: folder });
    const path = writeSample("os", packed(format, tar.stdout));
    expect(await refusal(path)).toBe(
      `IMAGE_NOT_AN_IMAGE 2: ${path} holds a tar archive, not a disk image`,
    );
  });

  it.each(formats.map((outer, index) => [outer, formats.at(index - 1)]))(
    "of %s that holds one of %s is refused",
    async (outer = "", inner = "") => {
      const disk = asDisk(Buffer.alloc(4096, 7));
      const path = writeSample("a", packed(outer, packed(inner, disk)));
      expect(await refusal(path)).toMatch(
        /^IMAGE_NOT_AN_IMAGE 2: .* holds an? \.(?:gz|xz|zst|zip)\b.*, not a disk image$/,
      );
    },
  );

  it("that holds a disk is taken, a hybrid ISO too", async () => {
    const hybrid = bytesWith([32_769, "CD001"], [510, "\x55\xaa"]);
    // As isohybrid writes it: one partition, active, that begins with the disc.
    hybrid.writeUInt8(0x80, 446);
    hybrid.writeUInt32LE(SIZE / 512, 458);
    for (const disk of [asDisk(Buffer.alloc(SIZE, 7)), hybrid]) {
      for (const format of ["raw", ...formats]) {
        const reader = await openImage(writeSample("a", packed(format, disk)));
        await reader.close();
        expect(reader.path).not.toBe("");
      }
    }
  });
});

describeWithTools(["mkfs.vfat", "mke2fs"], "a real file system", () => {
  it.each([
    ["mkfs.vfat", ["-F", "32"], "a FAT file system"],
    ["mkfs.vfat", ["-F", "16", "-s", "1"], "a FAT file system"],
    ["mkfs.vfat", ["-F", "12"], "a FAT file system"],
    ["mkfs.vfat", ["-F", "32", "--mbr=y"], "a FAT file system"],
    ["mke2fs", ["-q", "-F", "-t", "ext4"], "an ext4 file system"],
    ["mke2fs", ["-q", "-F", "-t", "ext3"], "an ext3 file system"],
  ])("%s %j is not a disk image", async (tool, args, name) => {
    const path = join(testFolder(), "a.img");
    writeFileSync(path, Buffer.alloc(4 * 1024 * 1024));
    expect(spawnSync(tool, [...args, path]).status).toBe(0);
    expect(await refusal(path)).toContain(
      `is not a disk image but ${name} without`,
    );
    const inside = writeSample("a.gz", gzipSync(readFileSync(path)));
    expect(await refusal(inside)).toContain(`holds ${name} without`);
  });
});
