// What must be true of a system that has moved from a card to a disk, as images of both show it.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import type { Place } from "./firmware.ts";

const ask = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, { encoding: "utf8", stdio: "pipe" });

const partitionsOf = (image: string): readonly Omit<Place, "disk">[] => {
  const { partitiontable } = JSON.parse(ask("sfdisk", "--json", image)) as {
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

const tableId = (image: string): string =>
  ask("sfdisk", "--disk-id", image).trim();

/** Every name that blkid knows a partition by; a retired card's boot partition has none. */
const namesOf = (
  image: string,
  offset: number,
  size: number,
): readonly string[] =>
  spawnSync(
    "blkid",
    [
      "--probe",
      `--offset=${offset}`,
      `--size=${size}`,
      "--output=export",
    ].concat(image),
    { encoding: "utf8" },
  )
    .stdout.split("\n")
    .filter((line) => /^(LABEL|UUID)=/.test(line));

const namesOn = (image: string): readonly string[] =>
  partitionsOf(image).flatMap(({ offset, size }) =>
    namesOf(image, offset, size),
  );

/** No name of one medium is a name of the other. */
export const expectApart = (card: string, disk: string): void => {
  const names = namesOn(card);
  const copied = namesOn(disk);
  expect(copied).toHaveLength(4);
  expect(copied.filter((name) => names.includes(name))).toEqual([]);
  expect(tableId(disk)).not.toBe(tableId(card));
};

/** Both file systems are sound; they are taken apart in the folder. */
export const expectSound = (image: string, folder: string): void => {
  const [boot, root] = partitionsOf(image);
  const part = (place: Omit<Place, "disk"> | undefined, name: string) => {
    const path = join(folder, name);
    execFileSync(
      "dd",
      [
        `if=${image}`,
        `of=${path}`,
        "bs=1M",
        "iflag=skip_bytes,count_bytes",
        `skip=${place?.offset ?? 0}`,
        `count=${place?.size ?? 0}`,
        "conv=sparse",
        "status=none",
      ],
      { stdio: "pipe" },
    );
    return path;
  };
  const fat = spawnSync("fsck.vfat", ["-n", part(boot, "check.fat")], {
    encoding: "utf8",
  });
  expect(fat.stdout, fat.stdout).not.toMatch(
    /dirty|differ|error|Free cluster summary/i,
  );
  const ext4 = spawnSync("e2fsck", ["-fn", part(root, "check.ext4")], {
    encoding: "utf8",
  });
  expect(ext4.status, ext4.stdout + ext4.stderr).toBe(0);
};
