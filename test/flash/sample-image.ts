// A small disk image shaped like a Pi's: MBR, FAT32 with boot files, ext4 with a tree; made by the real tools.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Range } from "../../src/image/range.ts";
import { oldData, run, sparseFile } from "../device/loop.ts";

const MIB = 1024 ** 2;

/** Where the partitions lie in the sample. */
export const BOOT: Range = { offset: MIB, length: 34 * MIB };
export const ROOT: Range = { offset: 35 * MIB, length: 16 * MIB };
export const IMAGE_SIZE = 52 * MIB;

export const SAMPLE_TOOLS = ["mkfs.vfat", "mkfs.ext4", "mcopy", "sfdisk"];

/** Makes the image as `folder`/sample.img. */
export const makeSampleImage = (folder: string): string => {
  const image = sparseFile(join(folder, "sample.img"), IMAGE_SIZE);
  run(
    "sh",
    "-c",
    `printf 'label: dos\nlabel-id: 0x11223344\n2048,69632,c,*\n71680,32768,83\n' | sfdisk --quiet --no-reread --no-tell-kernel '${image}'`,
  );
  run(
    "mkfs.vfat",
    "-F",
    "32",
    "-s",
    "1",
    "-n",
    "SYSTEM-BOOT",
    `--offset=${BOOT.offset / 512}`,
    image,
    String(BOOT.length / 1024),
  );
  const kernel = join(folder, "vmlinuz");
  writeFileSync(kernel, oldData(2 * MIB));
  run("mcopy", "-i", `${image}@@${BOOT.offset}`, kernel, "::vmlinuz");

  const tree = join(folder, "tree");
  mkdirSync(join(tree, "etc"), { recursive: true });
  writeFileSync(join(tree, "etc", "hostname"), "sample\n");
  // A file of zeros: its blocks are data, although they look like holes.
  writeFileSync(join(tree, "zeros"), Buffer.alloc(MIB));
  copyFileSync(kernel, join(tree, "large"));
  symlinkSync("etc/hostname", join(tree, "link"));
  run(
    "mkfs.ext4",
    "-q",
    "-L",
    "writable",
    "-d",
    tree,
    "-E",
    `offset=${ROOT.offset}`,
    image,
    `${ROOT.length / 1024}k`,
  );
  return image;
};
