// Damage in a FAT: each kind is refused by the check, and fsck.vfat sees it too; nothing makes the editor hang.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { editFat, prepareFat } from "../../src/image/fat/edit-fat.ts";
import { findBootPartition } from "../../src/image/table/find-partitions.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { bufferSource } from "../../src/image/source.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { randomCases } from "./cases.ts";
import { NOW, openFat, smallFat } from "./fat-fixture.ts";
import { fsckFat } from "./fat-judges.ts";
import { behindPrefix, makeMbr, openForTest, writeAt } from "./make-image.ts";

/** Entry `cluster` of both FAT copies of a volume made with SMALL_FAT. */
const setFatEntry = async (
  path: string,
  cluster: number,
  value: number,
): Promise<void> => {
  const boot = readFileSync(path).subarray(0, 512);
  const entry = Buffer.alloc(4);
  entry.writeUInt32LE(value);
  for (const copy of [0, 1]) {
    const start = (boot.readUInt16LE(14) + copy * boot.readUInt32LE(36)) * 512;
    await writeAt(path, start + cluster * 4, entry);
  }
};

describeWithTools(["mkfs.vfat", "fsck.vfat", "mcopy"], "a damaged FAT", () => {
  /** Cluster 2 is the root folder, 3 to 12 are the file's. */
  const withFile = async (): Promise<string> => {
    const path = await smallFat();
    await writeAt(`${path}.bin`, 0, Buffer.alloc(5000, 1));
    await runTool("mcopy", ["-i", path, `${path}.bin`, "::/vmlinuz"]);
    await runTool("mmd", ["-i", path, "::/current"]);
    return path;
  };

  const damages: readonly (readonly [string, number, number])[] = [
    ["a loop in a file's chain", 7, 4],
    ["a loop of one cluster", 5, 5],
    ["a loop in the root folder", 2, 2],
    ["a loop in a folder", 13, 13],
    ["two files in one chain", 13, 6],
    ["a chain into a free cluster", 6, 900],
    ["a chain out of the volume", 6, 0x0fff_0000],
    ["a chain that ends before the file", 4, 0x0fff_ffff],
    ["a bad cluster in a chain", 4, 0x0fff_fff7],
    ["a chain into a reserved entry", 4, 1],
    ["a root folder that is free", 2, 0],
  ];
  test.each(damages)("is refused: %s", async (_, cluster, value) => {
    const path = await withFile();
    await openFat(path); // sound before
    await setFatEntry(path, cluster, value);
    await expect(openFat(path)).rejects.toMatchObject({
      code: "BOOT_PARTITION_DAMAGED",
      exitCode: 2,
    });
    expect(await fsckFat(path)).not.toBe("");
  });

  test("is refused: copies that differ", async () => {
    const path = await withFile();
    const boot = readFileSync(path).subarray(0, 512);
    const second = (boot.readUInt16LE(14) + boot.readUInt32LE(36)) * 512;
    await writeAt(path, second + 400, Buffer.from([1]));
    await expect(openFat(path)).rejects.toMatchObject({
      code: "BOOT_PARTITION_DAMAGED",
    });
    expect(await fsckFat(path)).not.toBe("");
  });

  const bootSectors: readonly (readonly [string, number, readonly number[]])[] =
    [
      ["more sectors than the partition", 32, [0xff, 0xff, 0xff, 0x7f]],
      ["a FAT that is too short", 36, [1, 0, 0, 0]],
      ["a FAT longer than the volume", 36, [0, 0, 0, 0x10]],
      ["a root folder out of reach", 44, [0, 0, 0, 0x0f]],
    ];
  test.each(bootSectors)("is refused: %s", async (_, offset, bytes) => {
    const path = await withFile();
    await writeAt(path, offset, Buffer.from(bytes));
    await expect(openFat(path)).rejects.toMatchObject({
      code: "BOOT_PARTITION_DAMAGED",
    });
  });

  test("never makes the editor hang or crash, whatever bytes the metadata has", async () => {
    const path = await withFile();
    const volume = readFileSync(path);
    const partition = await openForTest(path);
    const prefix = Buffer.alloc(512);
    prefix.set(makeMbr([{ type: 0x0c, offset: 512, length: partition.size }]));
    let state = 12_345;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return state % below;
    };
    const outcomes = new Map<string, number>();
    for (let round = 0; round < randomCases(60); round += 1) {
      const bytes = Buffer.from(volume);
      for (let change = 0; change < 3; change += 1) {
        // The boot sector, the first FAT sectors, the root folder.
        const at =
          [
            random(90),
            32 * 512 + random(80),
            bytes.indexOf("VMLINUZ") + random(96),
          ][random(3)] ?? 0;
        bytes[at] = random(256);
      }
      const source = behindPrefix(prefix, bufferSource(bytes));
      const outcome = await (async () => {
        try {
          const boot = await findBootPartition(
            source,
            await readPartitionTable(source),
          );
          await editFat(await prepareFat(source, boot), NOW, (opened) => {
            opened.writeFile("user-data", Buffer.alloc(3000));
            opened.writeFile("vmlinuz", Buffer.alloc(3000));
          });
          return "edited";
        } catch (error) {
          return error instanceof UserError ? error.code : String(error);
        }
      })();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const allowed = [
      "edited",
      "BOOT_PARTITION_DAMAGED",
      "BASE_HAS_NO_BOOT_PARTITION",
      "BOOT_PARTITION_NOT_FAT32",
      "BOOT_PARTITION_UNSUPPORTED",
      "BOOT_PARTITION_FULL",
    ];
    expect(
      [...outcomes.keys()].filter((outcome) => !allowed.includes(outcome)),
    ).toEqual([]);
    expect(outcomes.size).toBeGreaterThan(1);
  });
});
