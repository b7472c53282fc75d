// Two partitions as in Ubuntu 24.04's image for the Raspberry Pi, at its very sectors.
// https://github.com/waveform80/nobodd/blob/main/docs/cli-prep.rst shows its table.
import { truncate, writeFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";

const SECTOR = 512;
const MIB = 1024 * 1024;
const BOOT_START = 2048;
const BOOT_SECTORS = 1_048_576;
const ROOT_START = BOOT_START + BOOT_SECTORS;

export const BOOT_OFFSET = BOOT_START * SECTOR;
export const ROOT_OFFSET = ROOT_START * SECTOR;

/** How mtools names the boot partition inside an image. */
export const bootPartition = (image: string): string =>
  `${image}@@${BOOT_OFFSET}`;

/** Free space left in the root file system, as in the vendor's image: growing it is first boot's work. */
const SLACK_MIB = 192;

/** Writes a whole raw image; nothing is mounted, because a kernel may lack vfat. */
export const makeDiskImage = async (
  image: string,
  root: string,
  bootFiles: string,
): Promise<void> => {
  const usage = await runTool("du", ["-sm", "--apparent-size", root]);
  const rootMib = Math.ceil(parseInt(usage.stdout, 10) * 1.15) + SLACK_MIB;
  await writeFile(image, "");
  await truncate(image, ROOT_OFFSET + rootMib * MIB);
  await runTool("sfdisk", ["--quiet", image], {
    package: "fdisk",
    input: [
      "label: dos",
      "label-id: 0x1634ec00",
      `start=${BOOT_START}, size=${BOOT_SECTORS}, type=c, bootable`,
      `start=${ROOT_START}, size=${(rootMib * MIB) / SECTOR}, type=83`,
      "",
    ].join("\n"),
  });
  await runTool(
    "mkfs.vfat",
    [
      "-F",
      "32",
      "-S",
      "512",
      "-s",
      "1",
      "-n",
      "system-boot",
      `--offset=${BOOT_START}`,
      image,
      String(BOOT_SECTORS / 2),
    ],
    { package: "dosfstools" },
  );
  await runTool(
    "mcopy",
    [
      "-s",
      "-i",
      bootPartition(image),
      ...readdirSync(bootFiles).map((name) => join(bootFiles, name)),
      "::",
    ],
    { package: "mtools" },
  );
  await runTool(
    "mke2fs",
    [
      "-q",
      "-F",
      "-t",
      "ext4",
      "-L",
      "writable",
      "-d",
      root,
      "-E",
      `offset=${ROOT_OFFSET}`,
      image,
      `${rootMib}M`,
    ],
    { package: "e2fsprogs" },
  );
};
