// The FAT editor against fsck.vfat and mtools, on volumes made by mkfs.vfat with random shapes and contents.
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FatVolume } from "../../src/image/fat/fat-volume.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { randomCases } from "./cases.ts";
import { editFile, FEWEST_CLUSTERS } from "./fat-fixture.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { makeFat, temporaryFolder, writeAt } from "./make-image.ts";
import { fc } from "../support/seeded.ts";

const NAMES = [
  "config.txt",
  "CMDLINE.TXT",
  "user-data",
  "meta-data",
  "network-config",
  "pi-image.json",
  "A name with spaces, and more than one entry of thirteen.txt",
  "größe.txt",
  "current/cmdline.txt",
  "current/State",
];

type Operation =
  | {
      readonly kind: "write";
      readonly name: string;
      readonly size: number;
      readonly fill: number;
    }
  | { readonly kind: "remove"; readonly name: string };

const anyName = fc
  .constantFrom(...NAMES)
  .chain((name) =>
    fc.constantFrom(name, name.toUpperCase(), name.toLowerCase()),
  );
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      name: anyName,
      size: fc.oneof(
        fc.nat(2000),
        fc.nat(200_000),
        fc.constantFrom(0, 512, 4096, 32_768),
      ),
      fill: fc.nat(255),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("remove" as const),
      name: anyName,
    }),
  },
);

const contentOf = (size: number, fill: number): Buffer =>
  Buffer.from(
    Uint8Array.from(
      { length: size },
      (_, index) => index * 7 + (index >>> 9) + fill,
    ),
  );

const perform = (volume: FatVolume, operations: readonly Operation[]): void => {
  for (const step of operations) {
    if (step.kind === "write") {
      volume.writeFile(step.name, contentOf(step.size, step.fill));
    } else {
      volume.remove(step.name);
    }
  }
};

const expected = (
  before: ReadonlyMap<string, string>,
  operations: readonly Operation[],
): Map<string, string> => {
  const files = new Map(before);
  for (const step of operations) {
    const name = step.name.toLowerCase();
    if (step.kind === "write") {
      files.set(name, contentOf(step.size, step.fill).toString("base64"));
    } else {
      files.delete(name);
    }
  }
  return files;
};

const shape = fc
  .record({
    clusterSectors: fc.constantFrom(1, 2, 4, 8, 16, 32, 64),
    sectorSize: fc.constantFrom(512, 512, 512, 1024, 4096),
    copies: fc.constantFrom(1, 2),
    label: fc.constantFrom("system-boot", "BOOT", "X"),
  })
  .filter(
    ({ clusterSectors, sectorSize }) => clusterSectors * sectorSize <= 32_768,
  );

const sizeOf = (
  {
    clusterSectors,
    sectorSize,
    copies,
  }: { clusterSectors: number; sectorSize: number; copies: number },
  extra: number,
): number =>
  (FEWEST_CLUSTERS + extra) * (clusterSectors * sectorSize + 4 * copies) +
  64 * sectorSize;

/** What Ubuntu, or somebody before us, put there: two rounds with removals in between make it fragmented. */
const fillWithMtools = async (path: string, folder: string): Promise<void> => {
  const file = join(folder, "content");
  await writeAt(file, 0, contentOf(150_001, 3));
  await runTool("mmd", ["-i", path, "::/current", "::/overlays"]);
  for (let index = 0; index < 12; index += 1) {
    await runTool("mcopy", [
      "-i",
      path,
      file,
      `::/overlays/overlay number ${index}.dtbo`,
    ]);
  }
  await runTool("mdel", [
    "-i",
    path,
    "::/overlays/overlay number 3.dtbo",
    "::/overlays/overlay number 7.dtbo",
  ]);
  for (const name of [
    "vmlinuz",
    "Config.txt",
    "current/cmdline.txt",
    "network-config",
  ]) {
    await runTool("mcopy", ["-i", path, file, `::/${name}`]);
  }
};

describeWithTools(["mkfs.vfat", "fsck.vfat", "mcopy"], "the FAT editor", () => {
  test("agrees with mtools and fsck.vfat after random edits of random volumes", async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.nat(3000),
        fc.constantFrom(63, 2048, 8191),
        fc.array(operation, { minLength: 1, maxLength: 12 }),
        async (options, extra, prefixSectors, operations) => {
          const folder = temporaryFolder();
          const path = join(folder, "fat.img");
          await makeFat(path, {
            ...options,
            size: Math.ceil(sizeOf(options, extra) / 4096) * 4096,
          });
          await fillWithMtools(path, folder);
          const before = await readWithMtools(path, 0, join(folder, "before"));
          await editFile(
            path,
            (volume) => {
              perform(volume, operations);
            },
            prefixSectors,
          );
          expect(await fsckFat(path)).toBe("");
          const after = await readWithMtools(path, 0, join(folder, "after"));
          expect(after).toEqual(expected(before, operations));
        },
      ),
      { numRuns: randomCases(8) },
    );
  });
});
