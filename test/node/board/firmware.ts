// What a board's firmware and the first lines of its kernel do: choose the medium, and find file systems by name.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

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

export const partitionsOf = (image: string): readonly Omit<Place, "disk">[] => {
  const { stdout, status } = ask(image, "sfdisk", "--json", image);
  if (status !== 0) {
    return [];
  }
  const { partitiontable } = JSON.parse(stdout) as {
    readonly partitiontable: {
      readonly partitions?: readonly {
        readonly start: number;
        readonly size: number;
      }[];
    };
  };
  return (partitiontable.partitions ?? []).map(({ start, size }, index) => ({
    partition: index + 1,
    offset: start * 512,
    size: size * 512,
  }));
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

/** Every name that blkid knows a partition by. */
export const namesOf = (
  image: string,
  offset: number,
  size: number,
): readonly string[] => {
  const { stdout } = ask(
    image,
    "blkid",
    "--probe",
    "--offset",
    String(offset),
    "--size",
    String(size),
    "--output",
    "export",
    image,
  );
  return stdout.split("\n").filter((line) => /^(LABEL|UUID)=/.test(line));
};

export const tableId = (image: string): string =>
  ask(image, "sfdisk", "--disk-id", image).stdout.trim().replace(/^0x/, "");

/** The partition with this label or id; two of them are what must never happen. */
export const findFileSystem = (
  name: string,
  images: ReadonlyMap<string, string>,
): Place => {
  const found = [...images].flatMap(([disk, image]) =>
    partitionsOf(image)
      .filter(
        ({ partition, offset, size }) =>
          namesOf(image, offset, size).includes(name) ||
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
