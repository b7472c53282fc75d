// What devices lie on, read from a tree like the kernel's: volumes (dm) and arrays (md), which not every kernel has.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { layersOf, layersOverlap } from "../../src/device/look/layers.ts";
import { temporaryFolder } from "./loop.ts";

/** Path below /sys/devices to its number, and to the devices that it is made of. */
const MACHINE = [
  ["pci/sda", "8:0", []],
  ["pci/sda/sda1", "8:1", []],
  ["pci/sda/sda2", "8:2", []],
  ["pci/sdb", "8:16", []],
  ["pci/sdc", "8:32", []],
  // An array of a partition and a disk, LUKS on it, and two volumes on that.
  ["virtual/md0", "9:0", ["pci/sda/sda2", "pci/sdb"]],
  ["virtual/dm-0", "253:0", ["virtual/md0"]],
  ["virtual/dm-1", "253:1", ["virtual/dm-0"]],
  ["virtual/dm-2", "253:2", ["virtual/dm-0"]],
] as const;

const makeSys = (): string => {
  const sys = temporaryFolder();
  const numbers = join(sys, "dev/block");
  mkdirSync(numbers, { recursive: true });
  for (const [path, number, slaves] of MACHINE) {
    const folder = join(sys, "devices", path);
    mkdirSync(join(folder, "slaves"), { recursive: true });
    writeFileSync(join(folder, "dev"), `${number}\n`);
    symlinkSync(folder, join(numbers, number));
    if (dirname(path).endsWith("sda")) {
      writeFileSync(join(folder, "partition"), "1\n");
    }
    for (const slave of slaves) {
      symlinkSync(
        join(sys, "devices", slave),
        join(folder, "slaves", slave.split("/").at(-1) ?? ""),
      );
    }
  }
  return sys;
};

const layersIn = (sys: string, major: bigint, minor: bigint) =>
  layersOf(
    {
      isBlockDevice: () => true,
      rdev: (major << 8n) | minor,
      dev: 5n,
      ino: 1n,
    },
    undefined,
    sys,
  );

it("goes down from a volume to every disk below it", async () => {
  const layers = await layersIn(makeSys(), 253n, 1n);
  expect(Object.fromEntries(layers)).toEqual({
    "device 253:1": "whole",
    "device 253:0": "part",
    "device 9:0": "part",
    "device 8:2": "part",
    "device 8:0": "part",
    "device 8:16": "part",
  });
});

it("knows what is lost with a disk, a partition and a volume", async () => {
  const sys = makeSys();
  const [volume, sibling, luks, sda, sda1, sda2, sdb, sdc] = await Promise.all(
    (
      [
        [253n, 1n],
        [253n, 2n],
        [253n, 0n],
        [8n, 0n],
        [8n, 1n],
        [8n, 2n],
        [8n, 16n],
        [8n, 32n],
      ] as const
    ).map(([major, minor]) => layersIn(sys, major, minor)),
  );
  const lost = [luks, sda, sda2, sdb].map((one) =>
    layersOverlap(one ?? new Map(), volume ?? new Map()),
  );
  expect(lost).toEqual([true, true, true, true]);
  const kept = [sibling, sda1, sdc].map((one) =>
    layersOverlap(one ?? new Map(), volume ?? new Map()),
  );
  expect(kept).toEqual([false, false, false]);
});
