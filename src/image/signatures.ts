// The one table of signatures: what a file, an archive's contents or a partition begins with, and what that is called.

type Signature = {
  /** Bytes from the start. */
  readonly at: number;
  /** One character a byte. */
  readonly bytes: string;
  /** With its article where it is a thing of its own, such as "a tar archive"; bare for a file system, such as "XFS". */
  readonly name: string;
};

/** Packed files; `open-image.ts` recognises those that an image may come in. */
export const ARCHIVES: readonly Signature[] = [
  { at: 0, bytes: "\xfd7zXZ\0", name: "an .xz file" },
  { at: 0, bytes: "\x1f\x8b", name: "a .gz file" },
  { at: 0, bytes: "\x28\xb5\x2f\xfd", name: "a .zst file" },
  { at: 0, bytes: "PK\x03\x04", name: "a .zip archive" },
  { at: 0, bytes: "PK\x05\x06", name: "a .zip archive" },
  { at: 0, bytes: "PK\x07\x08", name: "a .zip archive of several parts" },
  { at: 0, bytes: "BZh", name: "a .bz2 file" },
  { at: 257, bytes: "ustar", name: "a tar archive" },
  { at: 0, bytes: "7z\xbc\xaf\x27\x1c", name: "a .7z archive" },
  { at: 0, bytes: "Rar!\x1a\x07", name: "a .rar archive" },
  { at: 0, bytes: "LZIP", name: "an .lz file" },
  { at: 0, bytes: "\x04\x22\x4d\x18", name: "an .lz4 file" },
  { at: 0, bytes: "\x02\x21\x4c\x18", name: "an .lz4 file" },
  { at: 0, bytes: "\x89LZO\0\r\n\x1a\n", name: "an .lzo file" },
  { at: 0, bytes: "\x5d\0\0", name: "an .lzma file" },
  { at: 0, bytes: "\x1f\x9d", name: "a .Z file" },
  { at: 0, bytes: "MSCF", name: "a .cab archive" },
  { at: 0, bytes: "xar!", name: "an installer package of macOS" },
  { at: 0, bytes: "070701", name: "a cpio archive" },
  { at: 0, bytes: "070702", name: "a cpio archive" },
  { at: 0, bytes: "070707", name: "a cpio archive" },
  { at: 0, bytes: "\xc7\x71", name: "a cpio archive" },
  { at: 0, bytes: "\x71\xc7", name: "a cpio archive" },
  { at: 0, bytes: "!<arch>\ndebian", name: "a Debian package" },
  { at: 0, bytes: "!<arch>\n", name: "an ar archive" },
  { at: 0, bytes: "\xed\xab\xee\xdb", name: "an RPM package" },
  { at: 0, bytes: "MSWIM\0\0\0", name: "a Windows image (.wim)" },
];

/** Disks in a wrapping of their own; what converts each to a raw image is in `DISK_TOOLS`. */
export const WRAPPED_DISKS: readonly Signature[] = [
  { at: 0, bytes: "QFI\xfb", name: "a qcow2 disk" },
  { at: 0, bytes: "QED\0", name: "a QED disk" },
  { at: 0, bytes: "KDMV", name: "a VMDK disk" },
  { at: 0, bytes: "COWD", name: "a VMDK disk" },
  {
    at: 0,
    bytes: "# Disk DescriptorFile",
    name: "the description of a VMDK disk",
  },
  { at: 0, bytes: "conectix", name: "a VHD disk" },
  { at: 0, bytes: "vhdxfile", name: "a VHDX disk" },
  { at: 64, bytes: "\x7f\x10\xda\xbe", name: "a VDI disk" },
  { at: 0, bytes: "WithoutFreeSpace", name: "a Parallels disk" },
  { at: 0, bytes: "WithouFreSpacExt", name: "a Parallels disk" },
  { at: 0, bytes: "Bochs Virtual HD Image", name: "a Bochs disk" },
];

export const ANDROID_SPARSE = "an Android sparse image";

/** Images that only a tool of their own kind can put onto a disk. */
const OTHER_IMAGES: readonly Signature[] = [
  { at: 0, bytes: "\x3a\xff\x26\xed", name: ANDROID_SPARSE },
  { at: 0, bytes: "ANDROID!", name: "a boot image of Android" },
  { at: 0, bytes: "UF2\n", name: "a UF2 file for a microcontroller" },
  { at: 0, bytes: "partclone-image", name: "an image of Partclone" },
  { at: 0, bytes: "PaRtImAgE-VoLuMe", name: "an image of Partimage" },
  { at: 0, bytes: "\0ntfsclone-image", name: "an image of ntfsclone" },
  { at: 0, bytes: "SignedImage ", name: "a Windows image (.ffu)" },
  { at: 0, bytes: "UBI#", name: "an image for raw flash memory (UBI)" },
  {
    at: 0,
    bytes: "\x31\x18\x10\x06",
    name: "an image for raw flash memory (UBIFS)",
  },
  { at: 0, bytes: "\x85\x19", name: "an image for raw flash memory (JFFS2)" },
  { at: 0, bytes: "\x27\x05\x19\x56", name: "a kernel image of U-Boot" },
  { at: 0, bytes: "\xd0\x0d\xfe\xed", name: "a device tree" },
  { at: 56, bytes: "ARMd", name: "a Linux kernel" },
  { at: 0, bytes: "\x7fELF", name: "a program (ELF)" },
  { at: 0, bytes: "MZ", name: "a program for Windows or EFI" },
  { at: 0, bytes: "\xcf\xfa\xed\xfe", name: "a program for macOS" },
  { at: 0, bytes: "%PDF-", name: "a PDF document" },
  { at: 0, bytes: "\x89PNG", name: "a picture (PNG)" },
  { at: 0, bytes: "\xff\xd8\xff", name: "a picture (JPEG)" },
  { at: 0, bytes: "GIF8", name: "a picture (GIF)" },
  { at: 0, bytes: "SQLite format 3\0", name: "an SQLite database" },
];

/** Disk images whose only mark is at their end; `at` counts from there. */
export const TRAILERS: readonly Signature[] = [
  { at: -512, bytes: "koly", name: "a disk image of macOS (.dmg)" },
  { at: -512, bytes: "conectix", name: "a VHD disk" },
];

/**
 * What a partition, or a disk without partitions, begins with; FAT, exFAT and ext are looked at more closely elsewhere.
 * Places as in libblkid (https://github.com/util-linux/util-linux, libblkid/src/superblocks).
 */
export const VOLUMES: readonly Signature[] = [
  { at: 3, bytes: "NTFS    ", name: "NTFS" },
  { at: 0, bytes: "XFSB", name: "XFS" },
  { at: 0, bytes: "hsqs", name: "squashfs" },
  { at: 0, bytes: "LUKS\xba\xbe", name: "a LUKS container" },
  { at: 3, bytes: "-FVE-FS-", name: "a BitLocker volume" },
  { at: 32, bytes: "NXSB", name: "APFS" },
  { at: 512, bytes: "LABELONE", name: "part of an LVM volume group" },
  { at: 1024, bytes: "H+", name: "HFS+" },
  { at: 1024, bytes: "HX", name: "HFS+" },
  { at: 1024, bytes: "\x10\x20\xf5\xf2", name: "F2FS" },
  { at: 1024, bytes: "\xe2\xe1\xf5\xe0", name: "EROFS" },
  { at: 4086, bytes: "SWAPSPACE2", name: "swap space" },
  { at: 4096, bytes: "\xfc\x4e\x2b\xa9", name: "part of a RAID" },
  { at: 0, bytes: "\xfc\x4e\x2b\xa9", name: "part of a RAID" },
  { at: 0, bytes: "verity\0\0", name: "a dm-verity tree" },
  { at: 0, bytes: "\x45\x3d\xcd\x28", name: "cramfs" },
  { at: 0, bytes: "-rom1fs-", name: "romfs" },
  { at: 32_768, bytes: "JFS1", name: "JFS" },
  { at: 32_769, bytes: "CD001", name: "ISO 9660" },
  { at: 32_769, bytes: "BEA01", name: "UDF" },
  { at: 65_588, bytes: "ReIsEr", name: "ReiserFS" },
  { at: 65_600, bytes: "_BHRfS_M", name: "btrfs" },
  {
    at: 4120,
    bytes: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
    name: "bcachefs",
  },
];

/** Files that are neither packed nor a volume, in the order in which they are checked. */
export const OTHER_FILES: readonly Signature[] = [
  ...WRAPPED_DISKS,
  ...OTHER_IMAGES,
];

/** The name that belongs to the first signature found in `start`. */
export const nameBySignature = (
  start: Buffer,
  signatures: readonly Signature[],
): string | undefined =>
  signatures.find(
    ({ at, bytes }) =>
      start.toString("latin1", at, at + bytes.length) === bytes,
  )?.name;
