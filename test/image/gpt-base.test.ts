// A base image with a GPT, protective or hybrid: built from, and judged by the tools that read GPTs.
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { diskIdOf } from "../../src/image/table/disk-identity.ts";
import { makeNodePatch, prepareBase } from "../../src/image/node-patch.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { rangeEnd } from "../../src/image/range.ts";
import { run } from "../device/loop.ts";
import { describeWithTools } from "../support/tools.ts";
import { NOW } from "./fat-fixture.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import {
  openForTest,
  patchFile,
  temporaryFolder,
  writeAt,
} from "./make-image.ts";
import { cutOut, decodeSample } from "./sample-fixture.ts";

const MIB = 1024 * 1024;

/** The sample of Ubuntu with the same partitions in a GPT. */
const gptSample = async (
  folder: string,
  ...more: readonly string[]
): Promise<string> => {
  const image = await decodeSample("24.04", folder);
  truncateSync(image, readFileSync(image).length + MIB);
  run("sgdisk", "--mbrtogpt", ...more, image);
  return image;
};

/** The disk's first, then the partitions'. */
const guids = (image: string): readonly string[] => {
  const lines = run("sgdisk", "--print", "--info=1", "--info=2", image);
  return lines
    .split("\n")
    .filter((line) => /unique GUID|Disk identifier/.test(line))
    .toSorted();
};

const changes = (name: string) => ({
  files: [{ name: "user-data", data: Buffer.from("#cloud-config\n") }],
  bootSettings: { config: [], cmdline: ["cgroup_enable=memory"] },
  diskId: diskIdOf(`homelab ${name}`),
  now: NOW,
});

describeWithTools(
  ["xz", "sgdisk", "sfdisk", "fsck.vfat", "mcopy"],
  "a base with a GPT",
  () => {
    test.each([
      ["protective", []],
      ["hybrid", ["--hybrid=1"]],
    ])("and a %s MBR gives a sound image of a node", async (_, how) => {
      const folder = temporaryFolder();
      const image = await gptSample(folder, ...how);
      const before = readFileSync(image);
      const [disk, ...partitions] = guids(image);
      const source = await openForTest(image);
      const base = await prepareBase(source);
      const { patch } = await makeNodePatch(base, changes("worker1"));
      const other = await makeNodePatch(base, changes("worker2"));
      expect(other.patch).not.toEqual(patch);
      await patchFile(image, patch);
      expect(run("sgdisk", "--verify", image)).toContain("No problems found");
      expect(run("sfdisk", "--verify", image)).toContain("No errors detected");
      const [newDisk, ...newPartitions] = guids(image);
      expect(newDisk).not.toBe(disk);
      expect(newPartitions).toEqual(partitions);
      const boot = base.fat.partition;
      await cutOut(image, boot, join(folder, "boot"));
      expect(await fsckFat(join(folder, "boot"))).toBe("");
      const files = await readWithMtools(
        image,
        boot.offset,
        join(folder, "after"),
      );
      expect(
        Buffer.from(files.get("user-data") ?? "", "base64").toString(),
      ).toBe("#cloud-config\n");
      // Behind the boot partition only the backup's header is another.
      const after = readFileSync(image);
      const backup = after.length - 512;
      expect(
        after
          .subarray(rangeEnd(boot), backup)
          .equals(before.subarray(rangeEnd(boot), backup)),
      ).toBe(true);
    });

    test("keeps the identity that its base is found by", async () => {
      const folder = temporaryFolder();
      const image = await gptSample(folder);
      const before = guids(image);
      const base = await prepareBase(await openForTest(image));
      const { patch } = await makeNodePatch(base, {
        ...changes("worker1"),
        diskId: "keep",
      });
      await patchFile(image, patch);
      expect(guids(image)).toEqual(before);
    });

    test("writes both copies of the GPT, and not what is free between them", async () => {
      const image = await gptSample(temporaryFolder());
      const { size } = await openForTest(image);
      const { ranges, notes } = await mapUsed(await openForTest(image));
      expect(notes).toEqual([]);
      const [first] = ranges;
      const last = ranges.at(-1);
      expect(first?.offset).toBe(0);
      expect(last === undefined ? 0 : rangeEnd(last)).toBe(size);
      expect(ranges.length).toBeGreaterThan(2);
    });

    test("of which nothing is left but a damaged one is refused", async () => {
      const image = await gptSample(temporaryFolder());
      await writeAt(image, 600, Buffer.from([9, 9, 9]));
      await expect(prepareBase(await openForTest(image))).rejects.toMatchObject(
        {
          code: "BASE_PARTITION_TABLE_WRONG",
          message: expect.stringMatching(/GPT is damaged/),
        },
      );
    });

    test("boots from the FAT32 partition that has a config.txt", async () => {
      const folder = temporaryFolder();
      const image = await gptSample(folder);
      const size = readFileSync(image).length;
      // Slot 0 without firmware stands before the sample's own partition in the table.
      truncateSync(image, size + 40 * MIB);
      run("sgdisk", "--move-second-header", image);
      run(
        "sgdisk",
        "--new=3:0:+33M",
        "--typecode=3:0700",
        "--transpose=1:3",
        image,
      );
      const table = await readPartitionTable(await openForTest(image));
      const empty = table.partitions.find(({ number }) => number === 1);
      const second = table.partitions.find(({ number }) => number === 3);
      run(
        "mkfs.vfat",
        "-F",
        "32",
        "-s",
        "1",
        "--offset",
        `${(empty?.offset ?? 0) / 512}`,
        image,
        "33792",
      );
      const chosen = await prepareBase(await openForTest(image));
      expect(chosen.fat.partition).toEqual(second);
    });
  },
);
