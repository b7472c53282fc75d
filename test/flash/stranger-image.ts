// An image as a stranger may make it: a hash tree over free blocks, and data where no file system is.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Range } from "../../src/image/range.ts";
import { oldData, run, sparseFile } from "../device/loop.ts";

const MIB = 1024 ** 2;
const KIB = 1024;

export const STRANGER_SIZE = 20 * MIB;
export const STRANGER_TOOLS = [
  "mkfs.vfat",
  "mkfs.ext4",
  "sfdisk",
  "veritysetup",
];

/** Partition 2: a file system of `TREE_AT` bytes and, behind its end, the hash tree over all of its blocks. */
const VERITY: Range = { offset: 10 * MIB, length: 7 * MIB };
const TREE_AT = 6 * MIB;

/** Zero in the image and free in the file system, and yet under the hash tree. */
export const FREE_BLOCK = VERITY.offset + TREE_AT - 64 * KIB;

/** Where no file system is: between partitions, in one of an unknown type, and behind the last one. */
const LOOSE: readonly Range[] = [
  { offset: 9 * MIB, length: 8 * KIB },
  { offset: 18 * MIB - 4 * KIB, length: 4 * KIB },
  { offset: 19 * MIB + 512, length: KIB },
];

export type StrangerImage = {
  readonly path: string;
  /** Throws unless the file or device, whose start is this image's, passes `veritysetup verify`. */
  readonly demandVerity: (disk: string) => void;
};

/** Makes the image as `folder`/stranger.img; it has holes wherever it is zero. */
export const makeStrangerImage = (folder: string): StrangerImage => {
  const path = sparseFile(join(folder, "stranger.img"), STRANGER_SIZE);
  const table = [
    "label: dos",
    "label-id: 0x55667788",
    `start=2048, size=${(8 * MIB) / 512}, type=e`,
    `start=${VERITY.offset / 512}, size=${VERITY.length / 512}, type=83`,
    `start=${(17 * MIB) / 512}, size=2048, type=da`,
  ].join("\n");
  run(
    "sh",
    "-c",
    `printf '${table}\n' | sfdisk --quiet --no-reread --no-tell-kernel '${path}'`,
  );
  run("mkfs.vfat", "-s", "1", "--offset", "2048", path, String(8 * KIB));

  const part = sparseFile(join(folder, "part"), VERITY.length);
  run("mkfs.ext4", "-q", "-b", "4096", part, String(TREE_AT / 4096));
  const printed = run(
    "veritysetup",
    "format",
    `--hash-offset=${TREE_AT}`,
    `--data-blocks=${TREE_AT / 4096}`,
    `--salt=${"ab".repeat(32)}`,
    "--uuid=12345678-1234-4234-8234-123456789abc",
    part,
    part,
  );
  const rootHash = /^Root hash:\s+(\S+)$/m.exec(printed)?.[1] ?? "";
  const put = (from: string, offset: number): void => {
    run(
      "dd",
      `if=${from}`,
      `of=${path}`,
      "bs=64K",
      "oflag=seek_bytes",
      `seek=${offset}`,
      "conv=notrunc,sparse",
      "status=none",
    );
  };
  put(part, VERITY.offset);
  for (const { offset, length } of LOOSE) {
    const loose = join(folder, "loose");
    writeFileSync(loose, oldData(length));
    put(loose, offset);
  }

  return {
    path,
    demandVerity: (disk) => {
      const end = VERITY.offset + VERITY.length;
      writeFileSync(part, readFileSync(disk).subarray(VERITY.offset, end));
      run(
        "veritysetup",
        "verify",
        `--hash-offset=${TREE_AT}`,
        part,
        part,
        rootHash,
      );
    },
  };
};
