// A base with a GPT, from the base to the card: built and flashed by the commands, judged by the tools that read GPTs.
import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build } from "../../src/commands/build.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import {
  attachLoop,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { decodeSample } from "../image/sample-fixture.ts";
import { describeAsRoot } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

const MIB = 1024 ** 2;

type Table = {
  readonly partitiontable: {
    readonly lastlba: number;
    readonly partitions: readonly {
      readonly node: string;
      readonly start: number;
      readonly size: number;
    }[];
  };
};

const tableOf = (disk: string) =>
  (JSON.parse(run("sfdisk", "--json", disk)) as Table).partitiontable;

/** The sample of Ubuntu, its partitions in a GPT. */
const gptBase = async (
  folder: string,
  ...more: readonly string[]
): Promise<string> => {
  const path = await decodeSample("24.04", folder);
  truncateSync(path, statSync(path).size + MIB);
  run("sgdisk", "--mbrtogpt", ...more, path);
  return path;
};

const demandSoundFat = (disk: string): void => {
  const [boot] = tableOf(disk).partitions;
  const part = join(temporaryFolder(), "boot");
  run(
    "dd",
    `if=${disk}`,
    `of=${part}`,
    "bs=512",
    `skip=${boot?.start}`,
    `count=${boot?.size}`,
    "status=none",
  );
  run("fsck.vfat", "-n", part);
};

const demandSound = (disk: string): void => {
  expect(run("sgdisk", "--verify", disk)).toContain("No problems found");
  expect(run("sfdisk", "--verify", disk)).toContain("No errors detected");
  demandSoundFat(disk);
};

const buildFrom = async (folder: string, base: string): Promise<string> => {
  const out = join(folder, "out");
  const built = await runInProcess("build", folder, (context) =>
    build(context, {
      inventory: join(folder, "cluster.yaml"),
      host: ["worker1"],
      base,
      insecure: true,
      format: "img",
      out,
    }),
  );
  expect(built.exit, built.said).toBe(0);
  return join(out, "worker1.img");
};

const flashOnto = async (folder: string, card: string, image: string) => {
  const flashed = await runInProcess("flash", folder, (context) =>
    flash(context, [card, image], {
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
      yes: true,
      maxSize: 1024 * MIB,
    }),
  );
  expect(flashed.exit, flashed.said).toBe(0);
  run("cmp", `--bytes=${statSync(image).size}`, image, card);
};

describeAsRoot(
  ["xz", "sgdisk", "sfdisk", "fsck.vfat", "losetup"],
  "a base with a GPT",
  () => {
    test("and a hybrid MBR is built from and flashed, as it is and built", async () => {
      const folder = temporaryFolder();
      const base = await gptBase(folder, "--hybrid=1");
      const built = await buildFrom(folder, base);
      demandSound(built);
      const { size } = statSync(base);
      const card = attachLoop(sparseFile(join(folder, "card"), size));
      await flashOnto(folder, card, base);
      demandSound(card);
      await flashOnto(folder, card, built);
      demandSound(card);
    });

    test("and a protective MBR grows on a larger card as growpart does it", async () => {
      const folder = temporaryFolder();
      const base = await gptBase(folder);
      const built = await buildFrom(folder, base);
      demandSound(built);
      const large = statSync(base).size + 64 * MIB;
      const file = sparseFile(join(folder, "card"), large);
      const card = attachLoop(file);
      await flashOnto(folder, card, built);
      // The backup is where the image ends.
      expect(run("sgdisk", "--verify", card)).toMatch(
        /doesn't reside\s+at the end of the disk/,
      );
      const before = tableOf(card).partitions.at(-1);
      // growpart's resize_sfdisk: the dump without last-lba and with a larger size is written back.
      const grown = (before?.size ?? 0) + 32 * 2048;
      const dump = run("sfdisk", "--dump", card)
        .replace(/^last-lba:.*\n/m, "")
        .replace(
          `size=${String(before?.size).padStart(12)},`,
          `size=${grown},`,
        );
      await runTool("sfdisk", ["--no-reread", "--force", card], {
        input: dump,
      });
      expect(tableOf(card).partitions.at(-1)?.size).toBe(grown);
      demandSound(card);
    });
  },
);
