// What the FAT editor promises beside right bytes: the same bytes each time, no more than needed, and clear refusals.
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { editFat } from "../../src/image/fat/edit-fat.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { editFile, NOW, openFat, smallFat } from "./fat-fixture.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { makeFat, temporaryFolder, writeAt } from "./make-image.ts";

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
