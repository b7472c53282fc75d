// What a board's firmware and the first lines of its kernel do: choose the medium, and find file systems by name.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync, statSync } from "node:fs";

export type Place = {
  readonly disk: string;
  readonly partition: number;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
};

type Answer = { readonly stdout: string; readonly status: number | null };

const answers = new Map<string, Answer>();

/** What a tool says of an image; asked once as long as the image does not change. */
const ask = (image: string, tool: string, ...args: string[]): Answer => {
  const { size, mtimeNs, ino } = statSync(image, { bigint: true });
  const question = [size, mtimeNs, ino, tool, ...args].join(" ");
  const known = answers.get(question);
  if (known !== undefined) {
    return known;
  }
  const { stdout, status } = spawnSync(tool, args, {
    encoding: "utf8",
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
  });
  answers.set(question, { stdout, status });
  return { stdout, status };
};

const bytesOf = (image: string, offset: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  const file = openSync(image, "r");
  try {
    readSync(file, bytes, 0, size, offset);
  } finally {
    closeSync(file);
  }
  return bytes;
};

/** As the firmware reads the table: four entries of 16 bytes in the first sector. Others judge it with sfdisk. */
export const partitionsOf = (image: string): readonly Omit<Place, "disk">[] => {
  const sector = bytesOf(image, 0, 512);
  if (sector.readUInt16LE(510) !== 0xaa55) {
    return [];
  }
  return [1, 2, 3, 4].flatMap((partition) => {
    const entry = 430 + partition * 16;
    const size = sector.readUInt32LE(entry + 12) * 512;
    return size === 0
      ? []
      : [{ partition, offset: sector.readUInt32LE(entry + 8) * 512, size }];
  });
};

/** A file of the first partition; "" where there is none. */
export const readFat = (image: string, name: string): string => {
  const [boot] = partitionsOf(image);
  return boot === undefined
    ? ""
    : ask(image, "mtype", "-i", `${image}@@${boot.offset}`, `::/${name}`)
        .stdout;
};

const MEDIA: Readonly<Record<string, RegExp>> = {
  "1": /^mmcblk/,
  "4": /^sd/,
  "6": /^nvme/,
};

/**
 * The first disk in the boot order with a partition that the firmware takes for bootable. NVMe disks are looked for behind
 * an adapter that announces itself (HAT+), and behind others only with PCIE_PROBE=1.
 */
export const firmwareChoice = (
  settings: string,
  images: ReadonlyMap<string, string>,
  hatPlus: boolean,
): string | undefined => {
  const order = /^BOOT_ORDER=0x([0-9a-f]+)$/m.exec(settings)?.[1] ?? "f41";
  const probes = hatPlus || /^PCIE_PROBE=1$/m.test(settings);
  for (const digit of order.split("").toReversed()) {
    for (const [disk, image] of images) {
      if (digit === "6" && !probes) {
        continue;
      }
      if (MEDIA[digit]?.test(disk) && readFat(image, "config.txt") !== "") {
        return disk;
      }
    }
  }
  return undefined;
};

/** Whether the system that starts from this medium sees NVMe disks: rpi-eeprom sets dtparam=nvme itself when it started from one. */
export const connectorIsOn = (booted: string, hatPlus: boolean): boolean =>
  hatPlus ||
  /\/nvme[^/]*$/.test(booted) ||
  /^dtparam=pciex1$/m.test(readFat(booted, "config.txt"));

const tableId = (image: string): string =>
  bytesOf(image, 440, 4).readUInt32LE().toString(16).padStart(8, "0");

/** Label and id of a file system as the kernel's first lines look for them: of FAT32 in its first sector, of ext4 in its superblock. */
const namesAtStart = (image: string, offset: number): readonly string[] => {
  const bytes = bytesOf(image, offset, 2048);
  if (bytes.toString("latin1", 82, 87) === "FAT32") {
    const id = bytes.readUInt32LE(67).toString(16).padStart(8, "0");
    return [
      `LABEL=${bytes.toString("latin1", 71, 82).trimEnd()}`,
      `UUID=${id.slice(0, 4)}-${id.slice(4)}`.toUpperCase(),
    ];
  }
  if (bytes.readUInt16LE(1024 + 0x38) === 0xef53) {
    const id = bytes.toString("hex", 1024 + 0x68, 1024 + 0x78);
    const label = bytes.toString("latin1", 1024 + 0x78, 1024 + 0x88);
    return [
      `LABEL=${label.replace(/\0.*/s, "")}`,
      `UUID=${id.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5")}`,
    ];
  }
  return [];
};

/** The partition with this label or id; two of them are what must never happen. */
export const findFileSystem = (
  name: string,
  images: ReadonlyMap<string, string>,
): Place => {
  const found = [...images].flatMap(([disk, image]) =>
    partitionsOf(image)
      .filter(
        ({ partition, offset }) =>
          namesAtStart(image, offset).includes(name) ||
          name === `PARTUUID=${tableId(image)}-0${partition}`,
      )
      .map((place) => ({ disk, ...place })),
  );
  const [place] = found;
  if (place === undefined || found.length > 1) {
    throw new Error(`${found.length} file systems are ${name}`);
  }
  return place;
};
