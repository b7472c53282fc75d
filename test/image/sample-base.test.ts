// The sample bases that the package carries: they are what the script makes, and they have Ubuntu's shape.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  findBootPartition,
  findRootPartition,
} from "../../src/image/table/find-partitions.ts";
import { mapUsed } from "../../src/image/block-map.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { totalLength } from "../../src/image/range.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { fsckExt, readExt } from "./ext4-fixture.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { openForTest, temporaryFolder } from "./make-image.ts";
import { cutOut, decodeSample, type SampleVersion } from "./sample-fixture.ts";

const SCRIPT = packageFile("profiles/base-images/make-sample-base.sh");
const VERSIONS: readonly SampleVersion[] = ["24.04", "26.04"];

/** Everything that the image holds, as other tools read it. */
const contentOf = async (image: string, folder: string): Promise<unknown> => {
  const source = await openForTest(image);
  const table = await readPartitionTable(source);
  const boot = join(folder, "p1");
  const root = join(folder, "p2");
  await cutOut(image, table.partitions[0], boot);
  await cutOut(image, table.partitions[1], root);
  expect(await fsckFat(boot)).toBe("");
  expect(await fsckExt(root)).toBe("");
  return {
    table,
    boot: await readWithMtools(boot, 0, join(folder, "boot")),
    root: await readExt(root, join(folder, "root")),
  };
};

describeWithTools(
  [
    "mkfs.vfat",
    "fsck.vfat",
    "mcopy",
    "mke2fs",
    "debugfs",
    "e2fsck",
    "sfdisk",
    "xz",
  ],
  "the sample base",
  () => {
    test.each(VERSIONS)("%s is what the script makes", async (version) => {
      const folder = temporaryFolder();
      const made = join(folder, "made.img");
      await runTool("sh", [SCRIPT, version, `${made}.xz`]);
      await runTool("xz", ["-dk", `${made}.xz`]);
      const carried = await decodeSample(version, folder);
      const tools = await runTool("sh", [SCRIPT, "--tools"]);
      const madeWith = readFileSync(
        packageFile("profiles/base-images/made-with.txt"),
        "utf8",
      );
      const same = readFileSync(made).equals(readFileSync(carried));
      // Other versions of the tools lay the same content out in another way.
      expect(same || tools.stdout !== madeWith).toBe(true);
      expect(await contentOf(carried, join(folder, "carried"))).toEqual(
        await contentOf(made, join(folder, "again")),
      );
    });

    test.each(VERSIONS)("%s has Ubuntu's shape", async (version) => {
      const folder = temporaryFolder();
      const image = await decodeSample(version, folder);
      const source = await openForTest(image);
      const table = await readPartitionTable(source);
      const boot = await findBootPartition(source, table);
      const root = await findRootPartition(source, table);
      expect([boot.partition.number, root?.number]).toEqual([1, 2]);
      expect(boot.geometry).toMatchObject({ clusterSize: 512, fatCopies: 2 });
      const files = await readWithMtools(
        image,
        boot.partition.offset,
        join(folder, "out"),
      );
      const cmdline =
        version === "24.04" ? "cmdline.txt" : "current/cmdline.txt";
      for (const name of [
        "config.txt",
        "user-data",
        "meta-data",
        "network-config",
        cmdline,
      ]) {
        expect([...files.keys()]).toContain(name);
      }
      expect(files.has("cmdline.txt")).toBe(version === "24.04");
      const { ranges, notes } = await mapUsed(source);
      expect(notes).toEqual([]);
      expect(totalLength(ranges)).toBeLessThan(source.size / 4);
    });

    test("has checksums beside it that match", async () => {
      await runTool("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
        cwd: packageFile("profiles/base-images"),
      });
    });
  },
);
