// What is on a disk, on file systems that the real tools made.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { foreignContent } from "../../src/flash/foreign-content.ts";
import { lookAtDisk } from "../../src/image/look/look-disk.ts";
import { bufferSource } from "../../src/image/source.ts";
import {
  afterThisTest,
  attachLoop,
  oldData,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";

const MIB = 1024 ** 2;

const look = (file: string) => lookAtDisk(bufferSource(readFileSync(file)));

/** A file of this age, for copying onto a file system. */
const aged = (folder: string, name: string, date: string): string => {
  const path = join(folder, name);
  writeFileSync(path, "of use to somebody");
  utimesSync(path, new Date(date), new Date(date));
  return path;
};

describeWithTools(
  ["mkfs.vfat", "mcopy", "mmd", "mkfs.ext4", "mkswap", "sfdisk"],
  "lookAtDisk",
  () => {
    test.each([
      ["FAT32", 64 * MIB, ["-F", "32"]],
      ["FAT16", 32 * MIB, ["-F", "16"]],
    ])(
      "finds label, amount and newest file of a %s",
      async (name, size, how) => {
        const folder = temporaryFolder();
        const file = sparseFile(join(folder, "disk"), size);
        run("mkfs.vfat", ...how, "-n", "PHOTOS", file);
        expect(await look(file)).toMatchObject([
          { name, label: "PHOTOS", empty: true, partition: undefined, size },
        ]);
        run("mmd", "-i", file, "::/DCIM", "::/DCIM/100");
        const old = aged(folder, "old.jpg", "2019-02-03T12:00:00Z");
        const newest = aged(folder, "new.jpg", "2024-05-06T12:00:00Z");
        run("mcopy", "-m", "-i", file, old, "::/old.jpg");
        run("mcopy", "-m", "-i", file, newest, "::/DCIM/100/new.jpg");
        const [found] = await look(file);
        expect(found?.empty).toBe(false);
        expect(found?.newest?.toISOString().slice(0, 10)).toBe("2024-05-06");
        expect(found?.used).toBeGreaterThan(0);
        expect(found?.used).toBeLessThan(MIB);
        expect(foreignContent(await look(file))).toEqual([
          expect.stringMatching(
            new RegExp(
              `^the disk: ${name} "PHOTOS", .* used, newest file 2024-05-06$`,
            ),
          ),
        ]);
      },
    );

    test("finds the partitions of a GPT and of an MBR with logical ones", async () => {
      const folder = temporaryFolder();
      const part = sparseFile(join(folder, "part"), 16 * MIB);
      run("mkfs.ext4", "-q", "-L", "backup", part);
      const ext4 = readFileSync(part);
      for (const [table, number] of [
        ["label: gpt\n2048,32768\n,\n", 1],
        ["label: dos\n2048,4096\n6144,,E\n8192,32768\n", 5],
      ] as const) {
        const file = sparseFile(join(folder, `disk-${number}`), 64 * MIB);
        execFileSync("sfdisk", ["-q", file], {
          input: table,
          stdio: ["pipe", "ignore", "pipe"],
        });
        const disk = readFileSync(file);
        disk.set(ext4, (number === 1 ? 2048 : 8192) * 512);
        expect(await lookAtDisk(bufferSource(disk))).toMatchObject([
          { name: "ext4", label: "backup", partition: number, empty: true },
        ]);
      }
    });

    test("tells an ext4 with files from an empty one, and when it was written", async () => {
      const folder = temporaryFolder();
      const files = join(folder, "files");
      mkdirSync(files);
      writeFileSync(join(files, "thesis.tex"), Buffer.alloc(2 * MIB, 7));
      const file = sparseFile(join(folder, "disk"), 32 * MIB);
      run("mkfs.ext4", "-q", "-d", files, file);
      const [found] = await look(file);
      expect(found).toMatchObject({ name: "ext4", empty: false });
      expect(found?.used).toBeGreaterThan(2 * MIB);
      const age = Date.now() - (found?.newest?.getTime() ?? 0);
      expect(Math.abs(age)).toBeLessThan(24 * 3600 * 1000);
    });

    test("names what it cannot look into", async () => {
      const file = sparseFile(join(temporaryFolder(), "disk"), 16 * MIB);
      run("mkswap", file);
      expect(foreignContent(await look(file))).toEqual([
        "the disk: swap space, 16.0 MiB",
      ]);
    });

    test("finds nothing on an empty disk, and nothing to fear on one of random bytes", async () => {
      const file = sparseFile(join(temporaryFolder(), "disk"), 4 * MIB);
      expect(await look(file)).toEqual([]);
      const random = oldData(4 * MIB);
      random.writeUInt16LE(0xaa55, 510);
      for (let from = 0; from < 64; from += 1) {
        await lookAtDisk(bufferSource(random.subarray(from * 512)));
      }
    });

    test("survives a FAT whose structures lie, and says that it is damaged", async () => {
      const file = sparseFile(join(temporaryFolder(), "disk"), 64 * MIB);
      run("mkfs.vfat", "-F", "32", file);
      const bytes = readFileSync(file);
      for (let at = 11; at < 90; at += 1) {
        const right = bytes.readUInt8(at);
        bytes.writeUInt8(right ^ 0xff, at);
        const found = await lookAtDisk(bufferSource(bytes));
        expect(found.length).toBeLessThanOrEqual(1);
        bytes.writeUInt8(right, at);
      }
      // More sectors than the disk has.
      bytes.writeUInt32LE(0xffff_ffff, 32);
      expect(await lookAtDisk(bufferSource(bytes))).toMatchObject([
        { name: "a damaged file system" },
      ]);
    });

    test("takes the card of an earlier pi-image for its own", async () => {
      const folder = temporaryFolder();
      const file = sparseFile(join(folder, "disk"), 64 * MIB);
      run("mkfs.vfat", "-F", "32", file);
      const marker = join(folder, "pi-image.json");
      writeFileSync(
        marker,
        JSON.stringify(
          { schema: 1, tool: "pi-image 0.1.0", node: "worker2" },
          undefined,
          2,
        ),
      );
      run("mcopy", "-i", file, marker, "::/pi-image.json");
      const found = await look(file);
      expect(found).toMatchObject([
        { ours: { node: "worker2" }, empty: false },
      ]);
      expect(foreignContent(found)).toEqual([]);
    });
  },
);

describeAsRoot(
  ["mkfs.exfat", "mount.exfat-fuse", "umount"],
  "lookAtDisk on exFAT",
  () => {
    test("finds label, amount and newest file, below folders too", async () => {
      const folder = temporaryFolder();
      const file = sparseFile(join(folder, "disk"), 64 * MIB);
      run("mkfs.exfat", "-L", "Kamera", file);
      expect(await look(file)).toMatchObject([
        { name: "exFAT", label: "Kamera", empty: true },
      ]);
      expect(foreignContent(await look(file))).toEqual([]);
      const mount = join(folder, "mnt");
      mkdirSync(mount);
      run("mount.exfat-fuse", attachLoop(file), mount);
      let mounted = true;
      const unmount = () => {
        if (mounted) {
          run("umount", mount);
          mounted = false;
        }
      };
      afterThisTest(unmount);
      mkdirSync(join(mount, "DCIM", "100CANON"), { recursive: true });
      writeFileSync(join(mount, "DCIM", "100CANON", "a.cr2"), "");
      truncateSync(join(mount, "DCIM", "100CANON", "a.cr2"), 3 * MIB);
      const date = new Date("2023-07-08T12:00:00Z");
      utimesSync(join(mount, "DCIM", "100CANON", "a.cr2"), date, date);
      unmount();
      const [found] = await look(file);
      expect(found).toMatchObject({ name: "exFAT", empty: false });
      expect(found?.newest?.toISOString().slice(0, 10)).toBe("2023-07-08");
      expect(found?.used).toBeGreaterThan(3 * MIB - 1);
      expect(found?.used).toBeLessThan(8 * MIB);
    });
  },
);

describe("foreignContent", () => {
  test("says nothing of a card that is new", () => {
    const fresh = {
      name: "FAT32",
      label: "SANDISK",
      used: 4096,
      newest: undefined,
      empty: true,
      partition: 1,
      size: 32 * MIB,
    };
    expect(foreignContent([fresh])).toEqual([]);
    expect(foreignContent([{ ...fresh, empty: false }])).toHaveLength(1);
    expect(foreignContent([fresh, { ...fresh, name: "NTFS" }])).toHaveLength(2);
  });
});
