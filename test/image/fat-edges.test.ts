// What the FAT editor promises beside right bytes: the same bytes each time, no more than needed, and clear refusals.
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { editFat, prepareFat } from "../../src/image/edit-fat.ts";
import { findBootPartition } from "../../src/image/find-partitions.ts";
import { readPartitionTable } from "../../src/image/partition-table.ts";
import { bufferSource } from "../../src/image/source.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool } from "../../src/system/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { randomCases } from "./cases.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { editFile, NOW, openFat, SMALL_FAT } from "./fat-fixture.ts";
import {
  behindPrefix,
  makeFat,
  makeMbr,
  openForTest,
  temporaryFolder,
  writeAt,
} from "./make-image.ts";

const smallFat = async (): Promise<string> => {
  const path = join(temporaryFolder(), "fat.img");
  await makeFat(path, { size: SMALL_FAT, clusterSectors: 1 });
  return path;
};

const text = (value: string): Buffer => Buffer.from(value, "utf8");

const timeZone = process.env["TZ"];
afterEach(() => {
  if (timeZone === undefined) {
    delete process.env["TZ"];
  } else {
    process.env["TZ"] = timeZone;
  }
});

describeWithTools(
  ["mkfs.vfat", "fsck.vfat", "mcopy", "mattrib"],
  "a FAT edit",
  () => {
    test("gives the same patch in every time zone, with times in UTC", async () => {
      const path = await smallFat();
      const patches: string[] = [];
      // In the second zone the clocks jump over this very time.
      const now = new Date("2026-03-29T02:30:00Z");
      for (const zone of ["UTC", "Europe/Madrid", "Asia/Kolkata"]) {
        process.env["TZ"] = zone;
        const { fat } = await openFat(path);
        const { patch } = await editFat(fat, now, (volume) => {
          volume.writeFile("user-data", text("#cloud-config\n"));
        });
        patches.push(JSON.stringify(patch));
      }
      expect(new Set(patches).size).toBe(1);
      await editFile(path, (volume) => {
        volume.writeFile("t.txt", text("t"));
      });
      process.env["TZ"] = "UTC";
      const { stdout } = await runTool("mdir", ["-i", path, "::/t.txt"]);
      expect(stdout).toMatch(/2026-11-20 +10:11/);
    });

    test("gives the same patch whatever was read before", async () => {
      const path = await smallFat();
      await runTool("mcopy", ["-i", path, path, "::/large"]).catch(
        () => undefined,
      );
      const write = async (fat: Awaited<ReturnType<typeof openFat>>["fat"]) =>
        (
          await editFat(fat, NOW, (volume) => {
            volume.writeFile("user-data", Buffer.alloc(5000));
          })
        ).patch;
      const { fat } = await openFat(path);
      const cold = await write(fat);
      await fat.cache.load(0, fat.cache.source.size);
      expect(await write(fat)).toEqual(cold);
    });

    test("changes nothing when it writes nothing, and only whole sectors otherwise", async () => {
      const path = await smallFat();
      const nothing = await editFile(path, (volume) => {
        expect(volume.exists("user-data")).toBe(false);
        expect(volume.readFile("user-data")).toBeUndefined();
        volume.remove("user-data");
        expect(volume.list("")).toEqual([]);
      });
      expect(nothing).toEqual([]);
      const one = await editFile(path, (volume) => {
        volume.writeFile("a", text("a"));
      });
      const sectors = one.map((part) => [part.offset % 512, part.data.length]);
      // FSInfo, both FATs, the root folder with the first data cluster behind it.
      expect(sectors).toEqual([
        [0, 512],
        [0, 512],
        [0, 512],
        [0, 1024],
      ]);
    });

    test("takes names of any case as the same file", async () => {
      const path = await smallFat();
      await editFile(path, (volume) => {
        volume.writeFile("User-Data", text("one"));
        volume.writeFile("user-data", text("two"));
        expect(volume.readFile("USER-DATA")?.toString()).toBe("two");
        expect(volume.list("").map((entry) => entry.name)).toEqual([
          "User-Data",
        ]);
      });
      expect(await fsckFat(path)).toBe("");
    });

    test("replaces a file that is marked read-only", async () => {
      const path = await smallFat();
      await writeAt(`${path}.txt`, 0, text("old"));
      await runTool("mcopy", ["-i", path, `${path}.txt`, "::/config.txt"]);
      await runTool("mattrib", ["+r", "-i", path, "::/config.txt"]);
      await editFile(path, (volume) => {
        volume.writeFile("config.txt", text("new"));
        volume.writeFile("user-data", text("data"));
      });
      const files = await readWithMtools(
        path,
        0,
        join(temporaryFolder(), "out"),
      );
      expect(files.get("config.txt")).toBe(text("new").toString("base64"));
      expect(await fsckFat(path)).toBe("");
    });

    test("repairs a wrong count of free clusters, which fsck.vfat reports", async () => {
      const path = await smallFat();
      await writeAt(path, 512 + 488, Buffer.from([1, 2, 3, 0]));
      expect(await fsckFat(path)).toContain("Free cluster summary wrong");
      await editFile(path, (volume) => {
        volume.writeFile("a", text("a"));
      });
      expect(await fsckFat(path)).toBe("");
    });

    test("edits FAT32 volumes with fewer clusters than the specification asks for", async () => {
      const path = join(temporaryFolder(), "fat.img");
      await makeFat(path, { size: 4 * 1024 * 1024, clusterSectors: 4 });
      await editFile(path, (volume) => {
        volume.writeFile("user-data", Buffer.alloc(100_000, 7));
        expect(volume.freeBytes()).toBeLessThan(4 * 1024 * 1024);
      });
      expect(await fsckFat(path)).toBe("");
      await editFile(path, (volume) => {
        expect(volume.readFile("user-data")).toEqual(Buffer.alloc(100_000, 7));
      });
    });

    test("fills a volume to its last cluster, and refuses one byte more before it writes", async () => {
      const path = await smallFat();
      const before = `${path}.before`;
      copyFileSync(path, before);
      let free = 0;
      await editFile(path, (volume) => {
        free = volume.freeBytes();
      });
      const overfill = editFile(path, (volume) => {
        volume.writeFile("user-data", Buffer.alloc(free + 1));
      });
      await expect(overfill).rejects.toMatchObject({
        code: "BOOT_PARTITION_FULL",
        exitCode: 2,
        facts: [
          expect.stringContaining(`${free + 1} bytes`),
          expect.stringContaining(`${free} bytes`),
        ],
      });
      expect(readFileSync(path).equals(readFileSync(before))).toBe(true);
      await editFile(path, (volume) => {
        volume.writeFile("user-data", Buffer.alloc(free, 1));
      });
      await editFile(path, (volume) => {
        expect(volume.freeBytes()).toBe(0);
        volume.writeFile("user-data", Buffer.alloc(free, 2));
      });
      expect(await fsckFat(path)).toBe("");
      // No cluster is left for one more name once the root folder's only cluster is full.
      const names = editFile(path, (volume) => {
        for (let index = 0; index < 64; index += 1) {
          volume.writeFile(
            `a name of several entries ${index}`,
            Buffer.alloc(0),
          );
        }
      });
      await expect(names).rejects.toMatchObject({
        code: "BOOT_PARTITION_FULL",
      });
    });

    test("refuses to put a file where a folder is", async () => {
      const path = await smallFat();
      await runTool("mmd", ["-i", path, "::/user-data"]);
      const edit = editFile(path, (volume) => {
        volume.writeFile("user-data", text("x"));
      });
      await expect(edit).rejects.toMatchObject({
        code: "BOOT_PARTITION_UNSUPPORTED",
      });
    });

    test("reads a file that lies behind many missing pieces", async () => {
      const path = await smallFat();
      const content = Buffer.from(
        Uint8Array.from(
          { length: 9_000_000 },
          (_, index) => (index * 31) >>> 7,
        ),
      );
      await writeAt(`${path}.bin`, 0, content);
      await runTool("mcopy", ["-i", path, `${path}.bin`, "::/large.bin"]);
      const { fat } = await openFat(path);
      const { result } = await editFat(fat, NOW, (volume) =>
        volume.readFile("large.bin"),
      );
      expect(result?.equals(content)).toBe(true);
    });
  },
);

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
