// Partition tables as sfdisk writes them, and what is not a base image: each with its own error.
import { readFileSync } from "node:fs";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  findBootPartition,
  findRootPartition,
} from "../../src/image/table/find-partitions.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { bufferSource } from "../../src/image/source.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  makeFat,
  makeMbr,
  openForTest,
  temporaryFolder,
  writeAt,
  type TableEntry,
} from "./make-image.ts";

const MIB = 1024 * 1024;

/** An image of 64 MiB with the table that sfdisk makes of `script`. */
const partitioned = async (script: string): Promise<string> => {
  const path = join(temporaryFolder(), "disk.img");
  await writeAt(path, 0, new Uint8Array(0));
  await truncate(path, 64 * MIB);
  await runTool("sfdisk", ["-q", path], { input: script });
  return path;
};

const readTable = async (path: string) =>
  readPartitionTable(await openForTest(path));

describeWithTools(
  ["sfdisk", "mkfs.vfat", "mke2fs"],
  "a partition table",
  () => {
    test("is read as sfdisk wrote it, in any order and with gaps", async () => {
      const path = await partitioned(
        "label: dos\nlabel-id: 0x1634ec00\nstart=40000, size=2000, type=83\nstart=2048, size=8192, type=c, bootable\n",
      );
      expect(await readTable(path)).toEqual({
        kind: "mbr",
        sectorSize: 512,
        places: [{ offset: 0, length: 512 }],
        containers: [],
        faults: [],
        diskId: 0x1634ec00,
        partitions: [
          { number: 1, type: 0x83, offset: 40_000 * 512, length: 2000 * 512 },
          { number: 2, type: 0x0c, offset: 2048 * 512, length: 8192 * 512 },
        ],
      });
    });

    test("keeps the numbers of partitions behind an empty entry", async () => {
      const path = await partitioned(
        "label: dos\nstart=2048, size=2048, type=c\nstart=8192, size=2048, type=83\n",
      );
      await runTool("sfdisk", ["-q", "--delete", path, "1"]);
      const { partitions } = await readTable(path);
      expect(partitions.map(({ number }) => number)).toEqual([2]);
    });

    test("of GPT is read, with names and identities", async () => {
      const path = await partitioned(
        'label: gpt\nsize=20480, type=U, uuid=6a3a9c40-44d8-4d0e-8f4f-1e5c1f0c2a11, name="EFI system"\nsize=8192, type=L, name="root"\n',
      );
      const { kind, partitions } = await readTable(path);
      expect(kind).toBe("gpt");
      expect(partitions).toMatchObject([
        {
          number: 1,
          type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
          guid: "6a3a9c40-44d8-4d0e-8f4f-1e5c1f0c2a11",
          name: "EFI system",
          offset: MIB,
          length: 20_480 * 512,
        },
        { number: 2, name: "root", length: 8192 * 512 },
      ]);
      // Only the protective entry is left.
      await writeAt(path, 512, Buffer.alloc(512));
      await writeAt(path, 64 * MIB - 512, Buffer.alloc(512));
      await expect(readTable(path)).rejects.toMatchObject({
        code: "BASE_PARTITION_TABLE_WRONG",
        message:
          "the image's MBR says that there is a GPT, but there is none: Linux finds no partitions",
      });
    });

    test("is the MBR's where a GPT was left behind without its entry", async () => {
      const path = await partitioned("label: gpt\nsize=8192, type=L\n");
      await writeAt(
        path,
        0,
        makeMbr([{ type: 0x0c, offset: MIB, length: MIB }]),
      );
      expect(await readTable(path)).toMatchObject({
        kind: "mbr",
        partitions: [{ number: 1, type: 0x0c }],
      });
    });

    test("is not what a bare file system begins with", async () => {
      const folder = temporaryFolder();
      const fat = join(folder, "fat.img");
      await makeFat(fat, { size: 8 * MIB, clusterSectors: 1 });
      await expect(readTable(fat)).rejects.toMatchObject({
        code: "BASE_HAS_NO_PARTITION_TABLE",
        facts: [
          "its start looks like a FAT file system without a partition table",
        ],
      });
      const ext = join(folder, "ext.img");
      await writeAt(ext, 0, new Uint8Array(0));
      await truncate(ext, 4 * MIB);
      await runTool("mke2fs", ["-q", "-F", ext]);
      await expect(readTable(ext)).rejects.toMatchObject({
        code: "BASE_HAS_NO_PARTITION_TABLE",
        facts: [
          "its start looks like an ext2 file system without a partition table",
        ],
      });
    });

    test("leads to the boot and the root partition by what they hold", async () => {
      const path = await partitioned(
        "label: dos\nstart=2048, size=2048, type=83\nstart=4096, size=16384, type=83\nstart=20480, size=2048, type=c\nstart=22528, size=80000, type=b\n",
      );
      const folder = temporaryFolder();
      const ext = join(folder, "ext.img");
      await writeAt(ext, 0, new Uint8Array(0));
      await truncate(ext, 8 * MIB);
      await runTool("mke2fs", ["-q", "-F", "-t", "ext4", ext]);
      await writeAt(path, 4096 * 512, readFileSync(ext));
      const fat = join(folder, "fat.img");
      await makeFat(fat, { size: 80_000 * 512, clusterSectors: 1 });
      await writeAt(path, 22_528 * 512, readFileSync(fat));
      const source = await openForTest(path);
      const table = await readPartitionTable(source);
      expect((await findBootPartition(source, table)).partition.number).toBe(4);
      expect((await findRootPartition(source, table))?.number).toBe(2);
      await writeAt(path, 4096 * 512 + 1024, Buffer.alloc(1024));
      expect(await findRootPartition(source, table)).toBeUndefined();
    });

    test.each(["12", "16"])(
      "with a FAT%s boot partition is refused",
      async (bits) => {
        const path = await partitioned(
          "label: dos\nstart=2048, size=16384, type=c\n",
        );
        const fat = join(temporaryFolder(), "fat.img");
        await writeAt(fat, 0, new Uint8Array(0));
        await truncate(fat, 8 * MIB);
        await runTool("mkfs.vfat", [
          "-F",
          bits,
          "-s",
          bits === "12" ? "8" : "1",
          fat,
        ]);
        await writeAt(path, MIB, readFileSync(fat));
        const source = await openForTest(path);
        await expect(
          findBootPartition(source, await readPartitionTable(source)),
        ).rejects.toMatchObject({
          code: "BOOT_PARTITION_NOT_FAT32",
          message: `partition 1 of the base image holds FAT${bits}; pi-image edits FAT32 only`,
        });
      },
    );

    test("without a FAT32 partition is refused, with what there is", async () => {
      const path = await partitioned(
        "label: dos\nstart=2048, size=2048, type=83\nstart=4096, size=2048, type=c\n",
      );
      const source = await openForTest(path);
      await expect(
        findBootPartition(source, await readPartitionTable(source)),
      ).rejects.toMatchObject({
        code: "BASE_HAS_NO_BOOT_PARTITION",
        facts: [
          "partition 1: type 0x83, 1.0 MiB, from byte 1048576",
          "partition 2: type 0x0c, 1.0 MiB, from byte 2097152",
        ],
      });
    });
  },
);

const imageWith = (size: number, entries: readonly TableEntry[]): Buffer => {
  const image = Buffer.alloc(size);
  image.set(makeMbr(entries));
  return image;
};

describe("a partition table that cannot be used", () => {
  const fat = (offset: number, length: number) => ({
    type: 0x0c,
    offset,
    length,
  });
  test.each([
    [
      "a partition behind the image's end",
      [fat(MIB, MIB)],
      /^partition 1 ends at byte 2097152, but the image has only 1572864/,
    ],
    [
      "partitions that overlap",
      [fat(MIB, 8192), fat(MIB + 4096, 512)],
      /^partitions 1 and 2 of the image overlap/,
    ],
    [
      "a partition on the table",
      [fat(0, MIB)],
      /^partition 1 of the image starts on/,
    ],
    [
      "a partition without length",
      [fat(MIB, 0)],
      /^partition 1 of the image starts on/,
    ],
  ])("has %s", async (_, entries, message) => {
    const image = bufferSource(imageWith(1.5 * MIB, entries));
    await expect(readPartitionTable(image)).rejects.toMatchObject({
      code: "BASE_PARTITION_TABLE_WRONG",
      message: expect.stringMatching(message),
      exitCode: 2,
    });
  });

  test.each([
    ["nothing", Buffer.alloc(0), /a fragment of 0 bytes/],
    ["zeros", Buffer.alloc(4096), /blank space/],
    [
      "a compressed image",
      Buffer.concat([
        Buffer.from("\xfd7zXZ\0", "latin1"),
        Buffer.alloc(4096, 3),
      ]),
      /an \.xz file/,
    ],
    ["an empty table", imageWith(4096, []), /^$/],
  ])("is %s", async (_, image, fact) => {
    const rejected = expect(readPartitionTable(bufferSource(image))).rejects;
    await rejected.toMatchObject({ code: "BASE_HAS_NO_PARTITION_TABLE" });
    await expect(readPartitionTable(bufferSource(image))).rejects.toSatisfy(
      (error: { facts: readonly string[] }) => fact.test(error.facts.join("")),
    );
  });

  test("is code in a boot sector's place", async () => {
    const image = imageWith(4096, []);
    image.fill(0x66, 446, 500);
    await expect(readPartitionTable(bufferSource(image))).rejects.toMatchObject(
      {
        message:
          "the image begins with a boot sector, but not with a partition table",
      },
    );
  });
});
